// A map in the Go heap, and what the runtime counts.
package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

var peers = map[string]string{}

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
	runtime.ReadMemStats(&m)
	println("inuse", m.HeapInuse)
	println("stacks", m.StackInuse)
	println("alloc", m.HeapAlloc)
	println("end")
	time.Sleep(1e12)
	fmt.Println(len(peers))
}
