// Command hello is a program without mimalloc that uses threads. It is audited
// as it is built for macOS.
package main

import (
	"fmt"
	"runtime"
	"sync"
)

func main() {
	var wait sync.WaitGroup
	for i := range runtime.NumCPU() {
		wait.Add(1)
		go func() {
			defer wait.Done()
			fmt.Println("hello from", i)
		}()
	}
	wait.Wait()
}
