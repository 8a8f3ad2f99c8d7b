// The same round trips over two unbuffered channels between two goroutines, on one processor (GOMAXPROCS=1).
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func run(count int) float64 {
	there := make(chan int)
	back := make(chan int)
	started := time.Now()
	go func() {
		for i := 0; i < count; i++ {
			<-there
			back <- i
		}
	}()
	for i := 0; i < count; i++ {
		there <- i
		<-back
	}
	return float64(time.Since(started).Nanoseconds()) / float64(count)
}

func main() {
	count, _ := strconv.Atoi(os.Args[1])
	run(count / 10) // warm-up
	fmt.Println(run(count))
}
