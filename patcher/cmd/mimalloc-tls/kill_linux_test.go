package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/rules-mimalloc/rules_mimalloc/patcher/includedir"
)

// TestKilledAtEverySystemCall kills a patch in place before its first system
// call, before its second, and so on until it comes to its end. Whatever the
// moment, the header is the old one or the new one, whole and with its mode,
// and the next patch does its work.
func TestKilledAtEverySystemCall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "include")
	if err := writeInclude(dir); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "mimalloc", "prim.h")
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("mimalloc-tls", "patch", "--in-place", dir).Run(); err != nil {
		t.Fatal(err)
	}
	patched, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const mode = 0o640
	var calls, left, before, after, ends int
	for ; ends < 3; calls++ { // how many calls there are differs a little from run to run
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := writeInclude(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		ended, err := killedAt(calls, "mimalloc-tls", "patch", "--in-place", dir)
		if errors.Is(err, syscall.EPERM) && calls == 0 {
			t.Skipf("no process may be traced here: %v", err)
		}
		if err != nil {
			t.Fatalf("call %d: %v", calls, err)
		}
		if ended {
			ends++
		}
		got, err := os.ReadFile(name)
		switch {
		case err == nil && bytes.Equal(got, old):
			before++
		case err == nil && bytes.Equal(got, patched):
			after++
		default:
			t.Fatalf("killed at call %d: neither the old header nor the new one (error %v):\n%s", calls, err, got)
		}
		checkMode(t, name, mode)
		for entry := range strings.SplitSeq(entries(t, filepath.Dir(name)), "\n") {
			if ok, _ := filepath.Match(includedir.TempPattern("prim.h"), entry); ok {
				left++
			} else if entry != "prim.h" {
				t.Errorf("killed at call %d: left behind: %s", calls, entry)
			}
		}
		if bytes.Equal(got, old) && left > 0 || ended { // beside a temporary file, too
			if out, err := exec.Command("mimalloc-tls", "patch", "--in-place", dir).CombinedOutput(); err != nil {
				t.Fatalf("killed at call %d: the next patch: %v: %s", calls, err, out)
			}
			checkFile(t, name, string(patched))
		}
	}
	t.Logf("killed at each of %d system calls: %d times the old header, %d times the new one, %d temporary files", calls, before, after, left)
	if before < 10 || after <= ends || left < 1 {
		t.Error("not killed before, while and after it wrote")
	}
}

// idle are the system calls of Go's scheduler and allocator, and of a C library
// where a thread begins. They change no file, and how many there are differs from
// run to run, so they are not counted.
var idle = []uint64{
	syscall.SYS_FUTEX, syscall.SYS_NANOSLEEP, syscall.SYS_CLOCK_NANOSLEEP, syscall.SYS_SCHED_YIELD, syscall.SYS_EPOLL_PWAIT,
	syscall.SYS_TGKILL, syscall.SYS_GETPID, syscall.SYS_RT_SIGRETURN, syscall.SYS_RT_SIGPROCMASK, syscall.SYS_RT_SIGACTION,
	syscall.SYS_SIGALTSTACK, syscall.SYS_MADVISE, syscall.SYS_MMAP, syscall.SYS_MUNMAP, syscall.SYS_CLONE, syscall.SYS_GETTID,
	syscall.SYS_MPROTECT, syscall.SYS_SET_ROBUST_LIST, clone3, rseq[runtime.GOARCH],
}

// Those that package syscall has no names for.
const clone3 = 435

var rseq = map[string]uint64{"amd64": 334, "arm64": 293}

// enters reports whether a stopped thread is about to make a system call, and
// which one.
func enters(tid int) (bool, uint64, error) {
	var info struct { // ptrace(2), struct ptrace_syscall_info; Linux 5.3
		op     uint8
		_      [3]uint8
		arch   uint32
		ip, sp uint64
		nr     uint64
		_      [6]uint64
	}
	const getSyscallInfo, entry = 0x420e, 1
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return false, 0, errno
	}
	return info.op == entry, info.nr, nil
}

// killedAt runs a command and kills it before its system call of that number,
// counted over all its threads. It reports whether the command came to its end
// before that.
func killedAt(n int, name string, args ...string) (ended bool, err error) {
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off") // fewer calls that have nothing to do with files
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	const (
		killWithTracer = 0x100000   // PTRACE_O_EXITKILL
		anyThread      = 0x40000000 // __WALL
	)
	pid, status := cmd.Process.Pid, syscall.WaitStatus(0)
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil { // it stops at its exec
		return false, err
	}
	if err := syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|killWithTracer); err != nil {
		return false, err
	}
	for tid := pid; ; {
		signal := 0
		if status.Stopped() {
			switch sig := status.StopSignal(); sig {
			case syscall.SIGTRAP | 0x80:
				call, nr, err := enters(tid)
				if err != nil && err != syscall.ESRCH {
					return false, err
				}
				if call && !slices.Contains(idle, nr) {
					if n == 0 {
						if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
							return false, err
						}
					}
					n--
				}
			case syscall.SIGTRAP, syscall.SIGSTOP: // of tracing
			default:
				signal = int(sig)
			}
			if err := syscall.PtraceSyscall(tid, signal); err != nil && err != syscall.ESRCH {
				return false, err
			}
		}
		if tid, err = syscall.Wait4(-1, &status, anyThread, nil); err != nil {
			return false, err
		}
		if tid == pid && (status.Exited() || status.Signaled()) {
			if status.Exited() && status.ExitStatus() != exitOK {
				return false, errors.New("it failed")
			}
			return status.Exited(), nil
		}
	}
}
