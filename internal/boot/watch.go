package boot

import (
	"context"
	"errors"
	"io"
	"regexp"
	"time"
)

// Expectation says what the console of a good boot shows. Patterns are matched line by line against
// plain text, without line ends, control characters and escape sequences, and with a blank for each tab.
type Expectation struct {
	Expect []*regexp.Regexp // all must be seen, in any order
	Forbid []*regexp.Regexp // none of them may be seen before all of Expect

	// Loader says that the guest starts the boot loader of s390-tools, which is a Linux as well. What the console shows before its
	// script begins does not match Expect. Without Loader, such matches count until the script begins.
	Loader bool

	Reached func(Stage) // if not nil, is called at each new stage, also of a boot that begins again; must not block
}

// Result is what the console showed.
type Result struct {
	Stage   Stage                   // the farthest
	Stages  map[Stage]time.Duration // when each stage was first seen, since the call of Watch
	Config  string                  // the pxelinux.cfg file of the last boot, by the name that the firmware asked for
	Server  string                  // the TFTP server that the firmware asked, if the firmware prints it
	Matched []string                // the text that matched, in the order of Expect; empty if not seen
	Groups  [][]string              // what the groups of each pattern of Expect matched; nil if not seen
	Elapsed time.Duration           // since the call of Watch
	Tail    string                  // at most the last 40 lines and 4 KiB, safe to print
}

const (
	// promptPause is how long a console must be quiet before a line that has not ended is matched.
	promptPause = 200 * time.Millisecond
	// panicDelay is how long a watch continues after a panic, because what Linux prints then is useful,
	// and a crash kernel may start.
	panicDelay = 1500 * time.Millisecond
	// forbidDelay is how long a watch continues at most after a Forbid pattern was seen, until the console pauses. The lines that
	// follow are useful: an installer prints the title of a question before the question.
	forbidDelay = 1500 * time.Millisecond
)

// Watch reads a console until every Expect pattern was seen, and then returns nil. It returns a *Failure
// as soon as one of these happens: a Forbid pattern is seen and the console pauses, the firmware gives up
// for good, Linux panics, the console ends, or ctx is done. Without any Expect pattern it succeeds at once.
//
// A line that has not ended, such as a prompt, is matched when the console pauses or ends.
//
// Watch returns in time even if a Read blocks. That Read runs on its own goroutine until the caller
// closes the console, and what it reads is lost.
func Watch(ctx context.Context, console io.Reader, want Expectation) (Result, error) {
	return newWatcher(want).watch(ctx, console)
}

// Follow is Watch for a boot whose good end the console does not show, such as an installation: it continues after every Expect
// pattern was seen. The Failure lists those that were not seen.
func Follow(ctx context.Context, console io.Reader, want Expectation) *Failure {
	w := newWatcher(want)
	w.endless, w.missing = 1, w.missing+1
	_, err := w.watch(ctx, console)
	var failure *Failure
	_ = errors.As(err, &failure) // there is no success, and no other error
	return failure
}

func (w *watcher) watch(ctx context.Context, console io.Reader) (Result, error) {
	stop := make(chan struct{})
	defer close(stop)
	chunks := make(chan chunk)
	go readChunks(console, chunks, stop)

	pause := time.NewTimer(promptPause)
	defer pause.Stop()
	var panicked, forbidden <-chan time.Time
	for {
		switch {
		case w.missing == 0, w.failed && w.reason != Forbidden:
			return w.finish(w.reason, nil)
		case w.failed && forbidden == nil:
			forbidden = time.After(forbidDelay)
		}
		select {
		case c := <-chunks:
			w.lines.write(c.data)
			if c.err != nil {
				return w.finish(Ended, c.err)
			}
			pause.Reset(promptPause)
			switch {
			case !w.diagnosis.panicked:
				panicked = nil
			case panicked == nil:
				panicked = time.After(panicDelay)
			}
		case <-pause.C:
			w.prompt(w.lines.unfinished())
			if w.failed {
				return w.finish(w.reason, nil)
			}
		case <-forbidden:
			return w.finish(w.reason, nil)
		case <-panicked:
			w.fail(Panicked)
		case <-ctx.Done():
			reason := Cancelled
			if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				reason = TimedOut
			}
			return w.finish(reason, context.Cause(ctx))
		}
	}
}

// chunk is what one Read returned.
type chunk struct {
	data []byte
	err  error
}

func readChunks(console io.Reader, chunks chan<- chunk, stop <-chan struct{}) {
	for {
		buffer := make([]byte, 4<<10)
		n, err := console.Read(buffer)
		select {
		case chunks <- chunk{buffer[:n], err}:
		case <-stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// watcher holds a watch. Its size does not depend on how much the guest prints.
type watcher struct {
	want      Expectation
	start     time.Time
	lines     *lines
	tail      tail
	diagnosis diagnosis

	seen    []bool // by index in want.Expect
	matched []string
	groups  [][]string
	missing int
	endless int // how many of the missing patterns no line can match: 1 for Follow
	stages  map[Stage]time.Duration

	failed    bool
	reason    Reason
	forbidden string
}

func newWatcher(want Expectation) *watcher {
	w := &watcher{
		want:    want,
		start:   time.Now(),
		seen:    make([]bool, len(want.Expect)),
		matched: make([]string, len(want.Expect)),
		groups:  make([][]string, len(want.Expect)),
		missing: len(want.Expect),
		stages:  map[Stage]time.Duration{},
	}
	w.lines = &lines{emit: w.line}
	return w
}

// line takes a line that has ended. The matches come first, so that a user who expects a message of the
// firmware gets it.
func (w *watcher) line(line string, stays bool) {
	if stays {
		w.tail.add(line)
	}
	if loaderStart.MatchString(line) {
		w.forgetLoader()
	}
	w.match(line)
	before := w.diagnosis.stage
	w.diagnosis.observe(line)
	if stage := w.diagnosis.stage; stage != before {
		w.reach(stage)
	}
	switch {
	case w.diagnosis.gaveUpForGood:
		w.fail(GaveUp)
	case w.diagnosis.panickedForGood:
		w.fail(Panicked)
	}
}

// forgetLoader forgets what the kernel of a boot loader has shown.
func (w *watcher) forgetLoader() {
	if w.failed || w.missing == 0 {
		return
	}
	clear(w.seen)
	clear(w.matched)
	clear(w.groups)
	w.missing = len(w.want.Expect) + w.endless
	delete(w.stages, StageLinux)
	delete(w.stages, StageUserspace)
}

// reach records when a stage was first seen.
func (w *watcher) reach(stage Stage) {
	if _, before := w.stages[stage]; !before {
		w.stages[stage] = time.Since(w.start)
	}
	if w.want.Reached != nil {
		w.want.Reached(stage)
	}
}

// prompt takes a line that has not ended, after which the console is quiet.
func (w *watcher) prompt(line string) {
	w.match(line)
	if w.diagnosis.waits(line) {
		w.fail(GaveUp)
	}
}

// match looks for the patterns in a line, whether the line has ended or not. After a verdict it does nothing.
func (w *watcher) match(line string) {
	if w.failed || w.missing == 0 {
		return
	}
	for _, pattern := range w.want.Forbid {
		if at := pattern.FindStringIndex(line); at != nil {
			w.forbidden = line[at[0]:at[1]]
			w.fail(Forbidden)
			return
		}
	}
	if w.want.Loader && !w.diagnosis.loader && w.diagnosis.config == "" { // with a configuration, the firmware boots by itself
		return
	}
	for i, pattern := range w.want.Expect {
		if match := pattern.FindStringSubmatch(line); match != nil && !w.seen[i] {
			w.seen[i] = true
			w.matched[i], w.groups[i] = match[0], match[1:]
			w.missing--
		}
	}
}

// fail keeps the first verdict.
func (w *watcher) fail(reason Reason) {
	if !w.failed && w.missing > 0 {
		w.failed, w.reason = true, reason
	}
}

// finish closes the watch and returns the verdict. If no line, including the last one, has brought a
// verdict, the watch has failed for the given reason.
func (w *watcher) finish(reason Reason, err error) (Result, error) {
	if rest := w.lines.unfinished(); rest != "" {
		w.prompt(rest)
		w.lines.end(true)
	}
	result := Result{
		Stage:   w.diagnosis.farthest,
		Stages:  w.stages,
		Config:  w.diagnosis.config,
		Server:  w.diagnosis.server,
		Matched: w.matched,
		Groups:  w.groups,
		Elapsed: time.Since(w.start),
		Tail:    w.tail.String(),
	}
	switch {
	case w.missing == 0:
		return result, nil
	case w.failed:
		reason = w.reason
	case reason == Ended && w.diagnosis.panicked:
		reason = Panicked
	case reason == Ended && w.diagnosis.gaveUp:
		reason = GaveUp
	}
	failure := &Failure{
		Reason:    reason,
		Result:    result,
		Forbidden: w.forbidden,
	}
	if reason != Cancelled { // a cancelled watch says nothing about the guest
		failure.Explanations = w.diagnosis.explanations()
	}
	if !errors.Is(err, io.EOF) {
		failure.Err = err
	}
	for i, pattern := range w.want.Expect {
		if !w.seen[i] {
			failure.Missing = append(failure.Missing, pattern.String())
		}
	}
	return result, failure
}
