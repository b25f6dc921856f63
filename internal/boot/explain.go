package boot

import (
	"cmp"
	"slices"
	"strings"
)

// Explanation says what a message of the firmware or of Linux means.
type Explanation struct {
	Message string // as on the console; empty if there was no message
	Meaning string // what happened, and the likely cause
	Remedy  string // what to do
}

// Explain returns explanations for the messages on a console, the most significant first. It leaves out
// messages about what did not stop the boot, unless they can be the reason for a wrong boot. Those come
// last.
func Explain(console string) []Explanation {
	var d diagnosis
	l := lines{emit: func(line string, _ bool) { d.observe(line) }}
	l.write([]byte(console))
	l.end(true)
	return d.explanations()
}

// rule explains a line. The tables of rules are sorted by significance.
type rule struct {
	pattern *pattern
	kind    kind
	since   Stage // the line has this meaning only from this stage on
	meaning string
	remedy  string
}

// kind is what a message says about a boot that fails.
type kind int

const (
	// cause is the reason why the boot does not continue.
	cause kind = iota
	// persistent is a cause that matters even if the boot continues, such as an entry that the firmware
	// understood only in part.
	persistent
	// symptom shows how far a boot came that stopped without a reason.
	symptom
	// progress is a symptom of a boot that ran out of time. It replaces the symptoms before it, and does not count when the
	// firmware has given up.
	progress
)

const (
	// maxObserved bounds the part of a line, in bytes, that is searched for messages.
	maxObserved = 1 << 10
	// maxMessage bounds the part of a message, in bytes, that an explanation repeats.
	maxMessage = 200
)

// diagnosis follows a console line by line. Its size is bounded by the number of rules.
type diagnosis struct {
	stage    Stage // of the current boot
	farthest Stage
	findings []finding

	config string // of the current boot
	server string

	loader  bool   // the Linux that started last is the boot loader of s390-tools
	fetched string // the configuration that it asked for last

	output          bool // the console showed something
	overwritten     bool // a file that was too large has overwritten the firmware
	gaveUp          bool // the firmware gave up after the last sign of a boot
	gaveUpForGood   bool
	panicked        bool // Linux panicked, and no other kernel has started since
	panickedForGood bool // Linux panicked, and its guest began another boot
}

// finding is a rule that a line has matched.
type finding struct {
	*rule
	rank    int
	message string
	stage   Stage
}

// observe takes one line into account.
func (d *diagnosis) observe(line string) {
	line = line[:min(len(line), maxObserved)]
	d.output = d.output || strings.TrimSpace(line) != ""
	d.observeLinux(line)
	if stage := d.next(line); stage != d.stage {
		d.stage = stage
		d.farthest = max(d.farthest, stage)
		d.gaveUp = false
		d.findings = slices.DeleteFunc(d.findings, func(f finding) bool {
			return f.stage < stage && f.kind != persistent
		})
	}
	// Once Linux runs, the firmware's messages on the console are not from the firmware.
	switch {
	case d.stage >= StageLinux:
	case d.loader:
		d.find(line, loaderRules, 0)
	default:
		d.observeFirmware(line)
		d.find(line, firmwareRules, len(loaderRules))
		d.find(line, otherRules, len(loaderRules)+len(firmwareRules))
	}
	d.find(line, linuxRules, len(loaderRules)+len(firmwareRules)+len(otherRules))
}

// next is the stage after a line. The boot loader of s390-tools begins as a Linux with a user space. These are not the ones that the
// guest should boot, so the boot is at the stage of a firmware again, and comes to the others once more.
func (d *diagnosis) next(line string) Stage {
	switch found := loaderConfig.FindStringSubmatch(line); {
	case firmwareStart.MatchString(line):
		d.loader = false
	case loaderStart.MatchString(line):
		d.loader, d.farthest, d.config = true, StageFirmware, ""
		return StageFirmware
	case !d.loader || d.stage >= StageLinux:
	case loaderDHCP.MatchString(line):
		return max(d.stage, StageDHCP)
	case found != nil:
		d.fetched, d.server = found[1], found[2]
	case loaderKernel.MatchString(line):
		d.config = d.fetched
		return max(d.stage, StageConfig)
	}
	return d.stage.after(line)
}

func (d *diagnosis) observeFirmware(line string) {
	if firmwareStart.MatchString(line) {
		d.config, d.server = "", ""
	}
	if found := loadedConfig.FindStringSubmatch(line); found != nil {
		d.config = found[1]
	}
	if found := tftpServer.FindStringSubmatch(line); found != nil {
		d.server = found[1]
	}
	d.gaveUp = d.gaveUp || givesUp.MatchString(line)
	d.overwritten = d.overwritten || d.stage >= StageConfig && tooLarge.MatchString(line)
	d.gaveUpForGood = d.gaveUpForGood || givesUpForGood.MatchString(line) || d.overwritten && triesNext.MatchString(line)
}

// observeLinux notes a panic, and whether a crash kernel started after it. A crash kernel starts without
// the firmware.
func (d *diagnosis) observeLinux(line string) {
	switch {
	case panics.MatchString(line):
		d.panicked = true
	case d.panicked && firmwareStart.MatchString(line):
		d.panickedForGood = true
	case d.panicked && linuxStart.MatchString(line):
		d.panicked = false
	}
}

// waits tells whether a console that is quiet after this line waits for input, because there is nothing
// to boot.
func (d *diagnosis) waits(line string) bool {
	return d.stage < StageLinux && (shell.MatchString(line) || dialog.MatchString(line) || d.gaveUp && asksAgain.MatchString(line))
}

// find adds a finding for the first rule that a line matches, once for each rule.
func (d *diagnosis) find(line string, rules []rule, rank int) {
	for i := range rules {
		r := &rules[i]
		match := r.pattern.FindString(line)
		if d.stage < r.since || match == "" {
			continue
		}
		if r.kind == progress {
			d.findings = slices.DeleteFunc(d.findings, func(f finding) bool { return f.kind >= symptom })
		}
		if !slices.ContainsFunc(d.findings, func(f finding) bool { return f.rule == r }) {
			match = strings.TrimSpace(strings.ToValidUTF8(match[:min(len(match), maxMessage)], ""))
			d.findings = append(d.findings, finding{r, rank + i, match, d.stage})
		}
		return
	}
}

// explanations returns the causes, or the first symptom if there is no cause, and then the persistent
// causes of earlier stages.
func (d *diagnosis) explanations() []Explanation {
	if !d.output {
		return []Explanation{noOutput}
	}
	slices.SortStableFunc(d.findings, func(a, b finding) int { return cmp.Compare(a.rank, b.rank) })
	var causes, symptoms, past []Explanation
	for _, f := range d.findings {
		e := Explanation{f.message, f.meaning, f.remedy}
		switch {
		case f.kind == symptom, f.kind == progress && !d.gaveUp:
			symptoms = append(symptoms, e)
		case f.kind == persistent && f.stage < d.stage:
			past = append(past, e)
		case f.kind != progress:
			causes = append(causes, e)
		}
	}
	if len(causes) == 0 {
		causes = symptoms[:min(len(symptoms), 1)]
	}
	return append(causes, past...)
}
