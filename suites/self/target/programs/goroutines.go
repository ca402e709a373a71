// A program with known numbers of goroutines: parked, in a system call, running, half-way through a sequence, finished.
// Commands on standard input, one a line, each answered with what runtime.NumGoroutine says.
package main

import (
	"bufio"
	"fmt"
	"iter"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

var (
	sink    uint64
	stop    = make(chan struct{})
	release = make(chan struct{})
	ended   sync.WaitGroup
	blocked []int
	pulled  []func()
)

func parked(begun *sync.WaitGroup) {
	defer ended.Done()
	begun.Done()
	<-release
}

func inSystemCall(reading int, begun *sync.WaitGroup) {
	defer ended.Done()
	begun.Done()
	one := make([]byte, 1)
	syscall.Read(reading, one) // the descriptor blocks: this holds a thread
}

func running(begun *sync.WaitGroup) {
	defer ended.Done()
	begun.Done()
	for {
		select {
		case <-stop:
			return
		default:
			sink++
		}
	}
}

// Begins a sequence and leaves it half-way: its goroutine waits to be asked again, and begins in the runtime.
func pull() {
	next, end := iter.Pull(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	next()
	pulled = append(pulled, end)
}

func start(count int, one func(*sync.WaitGroup)) {
	var begun sync.WaitGroup
	begun.Add(count)
	ended.Add(count)
	for i := 0; i < count; i++ {
		go one(&begun)
	}
	begun.Wait()
}

func finish() {
	close(stop)
	close(release)
	for _, writing := range blocked {
		syscall.Write(writing, []byte{0})
	}
	for _, end := range pulled {
		end()
	}
	ended.Wait()
	stop, release, blocked, pulled = make(chan struct{}), make(chan struct{}), nil, nil
	time.Sleep(20 * time.Millisecond) // Done comes before the goroutine is gone
}

func main() {
	runtime.SetFinalizer(new([64]byte), func(*[64]byte) {}) // begins the runtime's finalizer goroutine
	runtime.GC()
	fmt.Println(runtime.NumGoroutine())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var what string
		var count int
		fmt.Sscan(lines.Text(), &what, &count)
		switch what {
		case "park":
			start(count, parked)
		case "block":
			for i := 0; i < count; i++ {
				pipe := make([]int, 2)
				if err := syscall.Pipe(pipe); err != nil {
					panic(err)
				}
				blocked = append(blocked, pipe[1])
				start(1, func(begun *sync.WaitGroup) { inSystemCall(pipe[0], begun) })
			}
		case "run":
			start(count, running)
		case "pull":
			for i := 0; i < count; i++ {
				pull()
			}
		case "churn":
			stop := stop // finish puts another in its place
			ended.Add(count)
			for i := 0; i < count; i++ {
				go func() {
					defer ended.Done()
					for {
						select {
						case <-stop:
							return
						default:
							var inner sync.WaitGroup
							inner.Add(50)
							for j := 0; j < 50; j++ {
								go func() { defer inner.Done(); runtime.Gosched() }()
							}
							inner.Wait()
						}
					}
				}()
			}
		case "grow": // one by one, for ever, so that the list keeps moving
			release := release
			go func() {
				for i := 0; i < count; i++ {
					go func() { <-release }()
				}
			}()
		case "finish":
			finish()
		case "collect":
			runtime.GC()
		}
		fmt.Println(runtime.NumGoroutine())
	}
}
