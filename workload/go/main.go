// SPDX-License-Identifier: GPL-2.0-only

// The program that memgap began as: it allocates 10 MiB each second, says what its runtime knows of its memory, and collects
// garbage past 100 MiB. SIGUSR1, memgap's default way to trim, makes it give back all that it can.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

const (
	mib     = 1 << 20
	block   = 10 * mib
	keep    = 5         // so many of the last blocks are held
	collect = 100 * mib // of Alloc: past it, a garbage collection
)

// freeOnSignal gives free memory back at each SIGUSR1.
func freeOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		for range signals {
			debug.FreeOSMemory()
		}
	}()
}

func stats() *runtime.MemStats {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return &m
}

func printStats(m *runtime.MemStats) {
	fmt.Printf("Alloc = %v MiB\tTotalAlloc = %v MiB\tSys = %v MiB\tNumGC = %v\n", m.Alloc/mib, m.TotalAlloc/mib, m.Sys/mib, m.NumGC)
}

func printTruth(m *runtime.MemStats) {
	fmt.Printf(`{"alloc":%d,"total_alloc":%d,"sys":%d,"heap_in_use":%d,"heap_idle":%d,"heap_released":%d,"num_gc":%d,`+
		`"pause_total_ns":%d}`+"\n", m.Alloc, m.TotalAlloc, m.Sys, m.HeapInuse, m.HeapIdle, m.HeapReleased, m.NumGC,
		m.PauseTotalNs)
}

// grow holds one block more, and drops the oldest past those that are kept. Each page is written, so that it is resident.
func grow(blocks [][]byte) [][]byte {
	bytes := make([]byte, block)
	for i := 0; i < len(bytes); i += 4096 {
		bytes[i] = 1
	}
	blocks = append(blocks, bytes)
	if len(blocks) > keep {
		blocks = append([][]byte(nil), blocks[len(blocks)-keep:]...)
	}
	return blocks
}

// run is the demonstration; it does not return.
func run(interval time.Duration) {
	var blocks [][]byte
	for {
		blocks = grow(blocks)
		m := stats()
		printStats(m)
		if m.Alloc > collect {
			runtime.GC()
		}
		time.Sleep(interval)
	}
}

// small allocates blocks of all sizes up to 4 KiB, and drops them.
func small() {
	var held [1000][]byte
	for i := 0; i < 4000; i++ {
		held[i%len(held)] = make([]byte, i*37%4096)
	}
}

// busy does that on two goroutines, for ever, with large blocks and with stacks that grow.
func busy() {
	for n := 0; n < 2; n++ {
		go func() {
			for i := 0; ; i++ {
				small()
				grow(nil)
				go deepen(i % 1000)
			}
		}()
	}
}

func deepen(depth int) {
	var frame [1024]byte
	if frame[depth] = 1; depth > 0 {
		deepen(depth - 1)
	}
}

// answer does what each line of stdin says, then prints MemStats as JSON; but for small, since asking for MemStats brings the
// runtime's own figures up to date.
func answer() {
	var blocks [][]byte
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "grow":
			blocks = grow(blocks)
		case "collect":
			runtime.GC()
		case "free":
			blocks = nil
			debug.FreeOSMemory()
		case "busy":
			busy()
		case "loop":
			go func() {
				for {
					small()
				}
			}()
		case "small":
			small()
			fmt.Println("{}")
			continue
		case "exec":
			syscall.Exec("/bin/cat", []string{"cat"}, os.Environ())
		}
		printTruth(stats())
	}
}

func main() {
	interval := flag.Duration("interval", time.Second, "between two blocks")
	truth := flag.Bool("truth", false, "do what lines on stdin say (grow, collect, free, busy, loop, small, exec); after each, or any "+
		"other, print MemStats as JSON")
	flag.Parse()

	freeOnSignal()
	if *truth {
		answer()
	} else {
		run(*interval)
	}
}
