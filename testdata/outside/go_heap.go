// A map in the Go heap, and what the runtime counts.
package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

var peers = map[string]string{}

// The heap grows by 4 MiB (runtime/mheap.go, mheap.grow()), of which spans of objects, free or not, and of stacks are
// counted. What is missing from a multiple of that are the collector's buffers, in spans as stacks are: the background
// sweeper frees them when it gets to run, which on a busy machine may be after a core was made.
func waitForSweeper(m *runtime.MemStats) {
	for i := 0; i < 10000; i++ {
		runtime.ReadMemStats(m)
		if (m.HeapSys+m.StackInuse)%(4<<20) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func main() {
	for i := 0; i < 100000; i++ {
		peers[fmt.Sprintf("peer-%d", i)] = fmt.Sprintf("enode://%064x@10.0.0.1:30303", i)
	}
	var m runtime.MemStats
	syscall.Dup2(1, 2)
	// Sleeping needs a timer, which is there before it is counted; println() needs no memory.
	time.Sleep(time.Millisecond)
	runtime.GC()
	runtime.GC()
	waitForSweeper(&m)
	println("inuse", m.HeapInuse)
	println("stacks", m.StackInuse)
	println("alloc", m.HeapAlloc)
	println("end")
	time.Sleep(1e12)
	fmt.Println(len(peers))
}
