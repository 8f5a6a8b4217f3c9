// A map in the Go heap, and what the runtime counts.
package main

import (
	"fmt"
	"runtime"
	"time"
)

var peers = map[string]string{}

func main() {
	for i := 0; i < 100000; i++ {
		peers[fmt.Sprintf("peer-%d", i)] = fmt.Sprintf("enode://%064x@10.0.0.1:30303", i)
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("inuse %d\nstacks %d\nalloc %d\nspans %d\nend\n", m.HeapInuse, m.StackInuse, m.HeapAlloc, m.MSpanInuse)
	time.Sleep(1e12)
	fmt.Println(len(peers))
}
