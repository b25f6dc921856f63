package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	header = "| work | step | netboot | CLI alone | plain commands | bound | netboot / CLI | netboot / plain | netboot / bound | | calls to libvirtd |"
	note   = `Times are medians and apply only to this machine. A ratio is the median of the rounds' ratios.
CLI alone: the CLI with the same number of terraform_data as the work has resources, or with floor.tf. Plain commands: plain.sh or, if there are several hosts, the provider with one of them and its share.`
)

func printTable(w io.Writer, results []result) {
	lines := []string{header, strings.Repeat("|---", strings.Count(header, "|")-1) + "|"}
	for _, r := range results {
		for _, s := range r.steps() {
			lines = append(lines, r.row(s))
		}
		lines = append(lines, r.memoryRow())
	}
	_, _ = fmt.Fprintf(w, "%s\n\n%s\n", strings.Join(lines, "\n"), note)
}

func (r result) row(s step) string {
	limits := r.limits(s)
	share := ratio(r.provider[s], limits)
	cells := []string{
		r.name, string(s),
		seconds(r.provider[s]), seconds(r.cli[s]), seconds(r.plain[s]), seconds(limits),
		factor(ratio(r.provider[s], r.cli[s])), factor(ratio(r.provider[s], r.plain[s])), factor(share), verdict(share),
		fmt.Sprint(r.seen.calls[s]),
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

// memoryRow has no comparison, because the memory of the others is not the provider's.
func (r result) memoryRow() string {
	limit, share := nothing, []float64(nil)
	if r.maxMemory > 0 {
		limit, share = mebibytes(r.maxMemory), []float64{float64(r.seen.memory) / float64(r.maxMemory)}
	}
	cells := []string{
		r.name, "peak memory",
		mebibytes(r.seen.memory), nothing, nothing, limit,
		nothing, nothing, factor(share), verdict(share),
		nothing,
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

// limits returns the bound of each round, or nil if a step has no bound.
func (r result) limits(s step) []time.Duration {
	holds, bounded := r.bounds[s]
	if !bounded {
		return nil
	}
	limits := make([]time.Duration, len(r.cli[s]))
	for i, cli := range r.cli[s] {
		var plain time.Duration
		if i < len(r.plain[s]) {
			plain = r.plain[s][i]
		}
		limits[i] = holds(cli, plain)
	}
	return limits
}

// ratio returns the ratio of each round in which both were measured.
func ratio(these, those []time.Duration) []float64 {
	ratios := make([]float64, min(len(these), len(those)))
	for i := range ratios {
		ratios[i] = float64(these[i]) / float64(those[i])
	}
	return ratios
}

const nothing = "–"

func seconds(all []time.Duration) string {
	if len(all) == 0 {
		return nothing
	}
	return fmt.Sprintf("%.2f s", median(all).Seconds())
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

func factor(ratios []float64) string {
	if len(ratios) == 0 {
		return nothing
	}
	return fmt.Sprintf("%.2f", median(ratios))
}

// verdict says whether a share of a bound is at most 1.
func verdict(share []float64) string {
	switch {
	case len(share) == 0:
		return nothing
	case median(share) <= 1:
		return "PASS"
	default:
		return "MISS"
	}
}

// median returns the middle value, or the mean of the two middle values.
func median[T time.Duration | float64](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
