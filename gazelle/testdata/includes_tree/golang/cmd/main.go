package main

import "example.com/ours/golang/gopkg"

func main() { println(gopkg.Version) }
