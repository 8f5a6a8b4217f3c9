// C strings that are never freed, beside a map in the Go heap.
package main

// #include <stdlib.h>
import "C"

import (
	"fmt"
	"time"
)

var peers = map[string]string{}

func main() {
	for i := 0; i < 20000; i++ {
		C.CString(fmt.Sprintf("cstring-number-%d of those that nobody frees", i))
		peers[fmt.Sprintf("peer-%d", i)] = fmt.Sprintf("enode://%064x@10.0.0.1:30303", i)
	}
	fmt.Println("end")
	time.Sleep(1e12)
	fmt.Println(len(peers))
}
