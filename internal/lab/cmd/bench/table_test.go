package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	all := func(seconds ...float64) times {
		var took []time.Duration
		for _, s := range seconds {
			took = append(took, time.Duration(s*float64(time.Second)))
		}
		return times{apply: took, plan: took, destroy: took}
	}
	results := []result{
		{
			work: work{name: "both", maxMemory: 64 << 20, bounds: map[step]bound{apply: fourTimesCLIAndPlain, plan: fourTimesCLI}},
			// The second round, on a busy machine, has ratios like the others.
			provider: all(6, 60, 6), cli: all(1, 10, 1), plain: all(2, 20, 2),
			seen: observation{calls: map[step]int{apply: 7}, memory: 32 << 20},
		},
		{work: work{name: "no plain"}, provider: all(3), cli: all(2)},
	}
	const want = `
| both | apply | 6.00 s | 1.00 s | 2.00 s | 6.00 s | 6.00 | 3.00 | 1.00 | PASS | 7 |
| both | plan | 6.00 s | 1.00 s | 2.00 s | 4.00 s | 6.00 | 3.00 | 1.50 | MISS | 0 |
| both | destroy | 6.00 s | 1.00 s | 2.00 s | – | 6.00 | 3.00 | – | – | 0 |
| both | peak memory | 32 MiB | – | – | 64 MiB | – | – | 0.50 | PASS | – |
| no plain | apply | 3.00 s | 2.00 s | – | – | 1.50 | – | – | – | 0 |
`
	var got strings.Builder
	printTable(&got, results)
	if !strings.Contains(got.String(), want) {
		t.Errorf("got\n%s\nwant in it%s", got.String(), want)
	}
}

func TestMedian(t *testing.T) {
	if got := median([]float64{9, 1, 2}); got != 2 {
		t.Errorf("of three: got %v", got)
	}
	if got := median([]float64{9, 1, 2, 4}); got != 3 {
		t.Errorf("of four: got %v", got)
	}
}
