package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"
)

func patterns(expressions ...string) []*regexp.Regexp {
	var compiled []*regexp.Regexp
	for _, e := range expressions {
		compiled = append(compiled, regexp.MustCompile(e))
	}
	return compiled
}

// TestWatchTranscripts watches each console to its end. All consoles contain the bytes that QEMU writes,
// except blog.console, which is a user's transcript of "virsh start --console".
func TestWatchTranscripts(t *testing.T) {
	for _, test := range []struct {
		console string
		expect  string
		stage   Stage
		reason  Reason // of the failure
		matched string // of the success
		meaning []string
	}{
		{"blog", `Linux version [0-9.]+`, StageLinux, 0, "Linux version 4.18.0", nil},
		{"blog", "login: ", StageLinux, Ended, "", nil},
		{"bootfile-missing-boots", "login: $", StageUserspace, 0, "login: ", nil},
		{"bootfile-missing-boots", "never", StageUserspace, Ended, "", nil},
		{"next-device-boots", "Run /init", StageUserspace, 0, "Run /init", nil},
		{"next-device", "Linux", StageDHCP, GaveUp, "", []string{"has no pxelinux.cfg file"}},
		{"missing-kernel", "Linux", StageConfig, GaveUp, "", []string{"names a kernel or initrd that the TFTP server does not have"}},
		{"menu-missing-kernel", "Linux", StageConfig, GaveUp, "", []string{"names a kernel or initrd that the TFTP server does not have"}},
		{"missing-kernel", "Failed to load OS", StageConfig, 0, "Failed to load OS", nil},
		{"no-config", "Linux", StageDHCP, GaveUp, "", []string{"has no pxelinux.cfg file"}},
		{"config-too-big", "Linux", StageDHCP, GaveUp, "", []string{"longer than 2047 bytes"}},
		{"dropped-lines", "Linux", StageKernel, GaveUp, "", []string{"does not have", "ignores this line", "a keyword without a value"}},
		{"no-initrd", "Linux", StageKernel, GaveUp, "", []string{"not allowed to read the kernel or initrd"}},
		{"uninitialised-initrd", "Linux", StageKernel, GaveUp, "", []string{"has no kernel or initrd line"}},
		{"empty-kernel", "Linux", StageStarted, Ended, "", []string{"jumped into what it loaded", "a file is empty"}},
		{"kernel-silent", "Linux version", StageStarted, Ended, "", []string{"jumped into what it loaded"}},
		{"initrd-too-big", "Linux", StageKernel, GaveUp, "", []string{"larger than the memory"}},
		{"menu-initrd-too-big", "Linux", StageKernel, GaveUp, "", []string{"larger than the memory"}},
		{"unreadable-kernel", "Linux", StageConfig, GaveUp, "", []string{"not allowed to read the kernel or initrd"}},
		{"unreadable-config-boots-default", "my own system", StageLinux, Ended, "", []string{"boots that"}},
		{"no-dhcp", "Linux", StageFirmware, GaveUp, "", []string{"no DHCP server gave the guest an address"}},
		{"no-tftp-server", "Linux", StageFirmware, GaveUp, "", []string{"named no TFTP server"}},
		{"port-unreachable", "Linux", StageDHCP, GaveUp, "", []string{"nothing listens for TFTP"}},
		{"admin-prohibited", "Linux", StageDHCP, GaveUp, "", []string{"firewalld"}},
		{"no-device", "Linux", StageFirmware, GaveUp, "", []string{"the guest has no device with a boot order"}},
		{"ram100", "Linux", StageFirmware, Ended, "", []string{"network loader did not run"}},
		{"no-root", "login", StageLinux, Panicked, "", []string{"cannot unpack the initrd", "found neither an init program"}},
		{"pc-no-dhcp", "Linux", StageFirmware, GaveUp, "", []string{"no DHCP server gave the guest an address"}},
		{"pc-missing-boot", "Linux", StageDHCP, GaveUp, "", []string{"names a bootfile that the TFTP server does not have"}},
		{"pc-missing-kernel", "Linux", StageConfig, GaveUp, "", []string{"names a kernel or initrd that the TFTP server does not have"}},
		{"pc-no-config", "Linux", StageDHCP, GaveUp, "", []string{"found no pxelinux.cfg file"}},
		{"pc-no-root", "login", StageLinux, Panicked, "", []string{"neither an init program"}},
		{"uefi-no-dhcp", "Linux", StageFirmware, GaveUp, "", []string{"no DHCP server gave the guest an address:", "an address and a boot loader"}},
		{"uefi-missing-boot", "Linux", StageDHCP, GaveUp, "", []string{"names a bootfile that", "does not have the boot loader"}},
		{"uefi-grub-missing-kernel", "Linux", StageDHCP, GaveUp, "", []string{"GRUB does not find a file"}},
		{"uefi-grub-entry-missing-kernel", "Linux", StageConfig, GaveUp, "", []string{"GRUB does not find a file"}},
		{"uefi-grub-missing-initrd", "Linux", StageKernel, GaveUp, "", []string{"GRUB does not find a file"}},
		{"uefi-grub-no-config", "Linux", StageDHCP, GaveUp, "", []string{"neither for the MAC address"}},
		{"uefi-grub-prompt", "Linux", StageDHCP, GaveUp, "", []string{"GRUB waits at its prompt"}},
		{"uefi-grub-syntax", "Linux", StageDHCP, GaveUp, "", []string{"neither for the MAC address", "GRUB does not understand its configuration", "not enough memory"}},
		{"uefi-grub-no-kernel", "Linux", StageConfig, GaveUp, "", []string{"is not a kernel for this architecture"}},
		{"uefi-grub-out-of-memory", "Linux", StageKernel, GaveUp, "", []string{"not enough memory"}},
		{"uefi-secure-kernel", "Linux", StageConfig, GaveUp, "", []string{"secure boot refuses a file that GRUB loads"}},
		{"uefi-secure-loader", "Linux", StageDHCP, GaveUp, "", []string{"secure boot refuses the boot loader"}},
		{"uefi-secure-grub", "Linux", StageDHCP, GaveUp, "", []string{"secure boot refuses the boot loader that the shim loads"}},
		{"uefi-shim-no-grub", "Linux", StageDHCP, GaveUp, "", []string{"the shim does not find the boot loader"}},
		{"uefi-grub-no-root", "login", StageLinux, Panicked, "", []string{"neither an init program"}},
		{"uefi-shell", "Linux", StageFirmware, GaveUp, "", []string{"started its shell"}},
		{"slof-no-dhcp", "Linux", StageFirmware, GaveUp, "", []string{"no DHCP server gave the guest an address"}},
		{"slof-no-config", "Linux", StageDHCP, GaveUp, "", []string{"has no pxelinux.cfg file"}},
		{"slof-missing-kernel", "Linux", StageConfig, GaveUp, "", []string{"names a kernel or initrd that the TFTP server does not have", "ignores this line"}},
		{"slof-bad-kernel", "Linux", StageInitrd, GaveUp, "", []string{"not a program for this machine"}},
		{"loader-no-config", "login", StageDHCP, Panicked, "", []string{"under any name that the boot loader of s390-tools asked for"}},
		{"loader-missing-kernel", "login", StageConfig, Panicked, "", []string{"names a kernel or initrd that the TFTP server does not have"}},
		{"loader-append-too-long", "login", StageConfig, Panicked, "", []string{"append is longer than the command line"}},
		{"loader-boots-linux", "Run /init", StageUserspace, 0, "Run /init", nil},
		{"loader-boots-linux", `w\d+=abcdefghij y+\]`, StageUserspace, 0, "w029=abcdefghij " + strings.Repeat("y", 900) + "]", nil},
		{"loader-boots-linux", "login", StageUserspace, Ended, "", nil},
		{"install-and-reboot", "login", StageUserspace, GaveUp, "", []string{"has no pxelinux.cfg file"}},
	} {
		t.Run(test.console, func(t *testing.T) {
			console, err := os.ReadFile("testdata/" + test.console + ".console")
			if err != nil {
				t.Fatal(err)
			}
			for _, reader := range []io.Reader{
				bytes.NewReader(console),
				iotest.OneByteReader(bytes.NewReader(console)),
				iotest.DataErrReader(bytes.NewReader(console)),
			} {
				result, err := Watch(t.Context(), reader, Expectation{Expect: patterns(test.expect), Loader: strings.HasPrefix(test.console, "loader-")})
				if result.Stage != test.stage {
					t.Errorf("stage %s, want %s", result.Stage, test.stage)
				}
				if test.matched != "" {
					if err != nil || !slices.Equal(result.Matched, []string{test.matched}) {
						t.Errorf("matched %q, %v; want %q", result.Matched, err, test.matched)
					}
					continue
				}
				var failure *Failure
				if !errors.As(err, &failure) {
					t.Fatalf("error %v, want a Failure", err)
				}
				if failure.Reason != test.reason || !slices.Equal(failure.Missing, []string{test.expect}) {
					t.Errorf("reason %s, missing %q; want %s", failure.Reason, failure.Missing, test.reason)
				}
				compareMeanings(t, failure.Explanations, test.meaning)
			}
		})
	}
}

// compareMeanings matches explanations with a part of the meaning of each.
func compareMeanings(t *testing.T, got []Explanation, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d explanations %q, want %q", len(got), got, want)
	}
	for i, e := range got {
		if !strings.Contains(e.Meaning, want[i]) || e.Remedy == "" {
			t.Errorf("explanation %q, want %q", e, want[i])
		}
	}
}

// TestWatchLoader holds that only the second kernel of a guest counts whose first kernel is the boot loader of s390-tools.
func TestWatchLoader(t *testing.T) {
	const (
		first  = "LOADPARM=[        ]\nLinux version 1.0\nRun /init as init process\n"
		script = "waiting for pxe config from DHCP (max 600 sec)\nDHCP response bound: \nfetching config pxelinux.cfg/default from 10.9.0.1\nfetch kernel k from 10.9.0.1\nKexec load: kexec -l /tmp/kernel \n"
		second = "Linux version 2.0\nRun /init as init process\n"
	)
	for _, test := range []struct {
		name, console string
		expect        []string
		unaware       bool // the watch is not told that the guest starts it
		matched       []string
		stage         Stage
		fails         bool
	}{
		{name: "two kernels", console: first + script + second, expect: []string{"version (.*)", "Run /init"}, matched: []string{"version 2.0", "Run /init"}, stage: StageUserspace},
		{name: "unaware", console: first + script + second + "login: ", expect: []string{"version (.*)", "login"}, unaware: true, matched: []string{"version 2.0", "login"}, stage: StageUserspace},
		{name: "unaware, and satisfied early", console: first + script + second, expect: []string{"version (.*)"}, unaware: true, matched: []string{"version 1.0"}, stage: StageLinux},
		{name: "one kernel", console: first + script, expect: []string{"version"}, matched: []string{""}, stage: StageConfig, fails: true},
		{name: "no script", console: first, expect: []string{"version"}, matched: []string{""}, stage: StageUserspace, fails: true},
		{name: "a message of the script", console: first + script, expect: []string{"Kexec load"}, matched: []string{"Kexec load"}, stage: StageConfig},
		{name: "the firmware boots by itself", console: "LOADPARM=[        ]\n  TFTP: Received pxelinux.cfg/default (10 bytes)\n" + second, expect: []string{"version .*"}, matched: []string{"version 2.0"}, stage: StageLinux},
		{name: "it restarts", console: first + script + first + script + second, expect: []string{"version .*"}, matched: []string{"version 2.0"}, stage: StageLinux},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := Watch(t.Context(), iotest.OneByteReader(strings.NewReader(test.console)), Expectation{Expect: patterns(test.expect...), Loader: !test.unaware})
			if (err != nil) != test.fails || !slices.Equal(result.Matched, test.matched) || result.Stage != test.stage {
				t.Errorf("got %q at stage %s, %v; want %q at %s", result.Matched, result.Stage, err, test.matched, test.stage)
			}
			if _, seen := result.Stages[StageLinux]; seen != (test.stage >= StageLinux) {
				t.Errorf("the stages are %v", result.Stages)
			}
		})
	}
	installed := Follow(t.Context(), strings.NewReader(first+script+second), Expectation{Expect: patterns("version", "Run")})
	if installed == nil || len(installed.Missing) > 0 || installed.Reason != Ended {
		t.Errorf("got %v of an installation", installed)
	}
	result, _ := Watch(t.Context(), strings.NewReader(first+script), Expectation{Expect: patterns("never"), Loader: true})
	if result.Config != "pxelinux.cfg/default" || result.Server != "10.9.0.1" {
		t.Errorf("got the configuration %q of %q", result.Config, result.Server)
	}
}

func TestWatchPatterns(t *testing.T) {
	for _, test := range []struct {
		name, console  string
		expect, forbid []string
		matched        []string
		forbidden      string
		reason         Reason
	}{
		{name: "nothing expected", console: "x\n", matched: []string{}},
		{name: "any order", console: "b1\na1\n", expect: []string{"a.", "b."}, matched: []string{"a1", "b1"}},
		{name: "first match counts", console: "a1\na2\nb1\n", expect: []string{"a.", "b."}, matched: []string{"a1", "b1"}},
		{name: "one line for both", console: "a1 b1\n", expect: []string{"b.", "a."}, matched: []string{"b1", "a1"}},
		{name: "missing", console: "a1\n", expect: []string{"a.", "b."}, matched: []string{"a1", ""}, reason: Ended},
		{name: "empty match", console: "\n", expect: []string{"^$"}, matched: []string{""}},
		{name: "lines end", console: "a\r\nb\n\rc\n", expect: []string{"^a$", "^b$", "^c$"}, matched: []string{"a", "b", "c"}},
		{name: "not across lines", console: "a\nb\n", expect: []string{`(?s)a.b`}, matched: []string{""}, reason: Ended},
		{name: "escape sequences", console: "\x1b[1;31mL\x1b(Bi\x1b]0;title\x07nux\x1b[0m\n", expect: []string{"^Linux$"}, matched: []string{"Linux"}},
		{name: "tab", console: "a\tb\n", expect: []string{"a b"}, matched: []string{"a b"}},
		{name: "forbidden first", console: "bad 7\ngood\n", expect: []string{"good"}, forbid: []string{"worse", `bad \d`}, matched: []string{""}, forbidden: "bad 7", reason: Forbidden},
		{name: "forbidden later", console: "good\nbad\n", expect: []string{"good"}, forbid: []string{"bad"}, matched: []string{"good"}},
		{name: "forbidden on the same line", console: "good bad\n", expect: []string{"good"}, forbid: []string{"bad"}, matched: []string{""}, forbidden: "bad", reason: Forbidden},
		{name: "forbidden on the last line", console: "bad", expect: []string{"good"}, forbid: []string{"bad"}, matched: []string{""}, forbidden: "bad", reason: Forbidden},
		{name: "give-up in a log of Linux", console: "Linux version 6\nFailed to load OS from network\nok\n", expect: []string{"ok"}, matched: []string{"ok"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := Watch(t.Context(), strings.NewReader(test.console),
				Expectation{Expect: patterns(test.expect...), Forbid: patterns(test.forbid...)})
			if !slices.Equal(result.Matched, test.matched) {
				t.Errorf("matched %q, want %q", result.Matched, test.matched)
			}
			var failure *Failure
			if !errors.As(err, &failure) {
				if slices.Contains(test.matched, "") && test.name != "empty match" {
					t.Errorf("error %v, want a Failure", err)
				}
				return
			}
			if failure.Reason != test.reason || failure.Forbidden != test.forbidden {
				t.Errorf("reason %s, forbidden %q; want %s, %q", failure.Reason, failure.Forbidden, test.reason, test.forbidden)
			}
		})
	}
}

// TestWatchPrompt checks that a complete prompt is matched while the console stays open.
func TestWatchPrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		console, guest := io.Pipe()
		defer console.Close()
		go func() {
			for _, part := range []string{"boot\nguest ", "log", "in: "} {
				time.Sleep(promptPause / 2)
				fmt.Fprint(guest, part)
			}
		}()
		result, err := Watch(t.Context(), console, Expectation{Expect: patterns(`\w+ log.*`)})
		if err != nil || !slices.Equal(result.Matched, []string{"guest login: "}) {
			t.Errorf("matched %q, %v", result.Matched, err)
		}
		if want := 3*promptPause/2 + promptPause; result.Elapsed != want {
			t.Errorf("elapsed %s, want %s", result.Elapsed, want)
		}
	})
}

// TestWatchContext checks that the context ends a watch whose Read blocks.
func TestWatchContext(t *testing.T) {
	interrupt := errors.New("interrupt")
	for _, test := range []struct {
		name   string
		with   func(context.Context) (context.Context, context.CancelFunc)
		reason Reason
		err    error
		means  []string
	}{
		{"timeout", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Minute)
		}, TimedOut, context.DeadlineExceeded, []string{"no DHCP server has answered yet"}},
		{"cancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Minute, func() { cancel(interrupt) })
			return ctx, func() { cancel(nil) }
		}, Cancelled, interrupt, nil}, // it says nothing about the guest
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				console, guest := io.Pipe()
				defer console.Close()
				go fmt.Fprint(guest, "  Requesting information via DHCP:     \b\b\b010")
				ctx, cancel := test.with(t.Context())
				defer cancel()
				result, err := Watch(ctx, console, Expectation{Expect: patterns("Linux")})
				var failure *Failure
				if !errors.As(err, &failure) || failure.Reason != test.reason || !errors.Is(err, test.err) {
					t.Fatalf("error %v, want %s", err, test.reason)
				}
				if result.Elapsed != time.Minute {
					t.Errorf("elapsed %s, want 1m", result.Elapsed)
				}
				compareMeanings(t, failure.Explanations, test.means)
			})
		})
	}
}

func TestWatchReadError(t *testing.T) {
	broken := errors.New("connection lost")
	_, err := Watch(t.Context(), io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(broken)), Expectation{Expect: patterns("b")})
	var failure *Failure
	if !errors.As(err, &failure) || failure.Reason != Ended || !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

func TestFailureError(t *testing.T) {
	console, err := os.ReadFile("testdata/missing-kernel.console")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/missing-kernel.error")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		slow, guest := io.Pipe()
		go func() {
			_, _ = guest.Write(console[:100])
			time.Sleep(2340 * time.Millisecond)
			_, _ = guest.Write(console[100:])
			_ = guest.Close()
		}()
		_, err := Watch(t.Context(), slow, Expectation{Expect: patterns("Linux version")})
		if got := err.Error() + "\n"; got != string(want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// endless is a console without line ends.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	e.left -= n
	return copy(p, bytes.Repeat([]byte{'x'}, n)), nil
}

func TestWatchBounds(t *testing.T) {
	result, err := Watch(t.Context(), &endless{8 * maxLine}, Expectation{Expect: patterns("y")})
	if err == nil || len(result.Tail) > tailBytes {
		t.Errorf("tail of %d bytes, %v", len(result.Tail), err)
	}
	result, _ = Watch(t.Context(), strings.NewReader(strings.Repeat("x\n", 1000)), Expectation{Expect: patterns("y")})
	if count := strings.Count(result.Tail, "\n") + 1; count != tailLines {
		t.Errorf("tail of %d lines, want %d", count, tailLines)
	}
}

// FuzzWatch checks that the tail is safe to print whatever the guest prints.
func FuzzWatch(f *testing.F) {
	f.Add([]byte("LOADPARM=[        ]\r\n\x1b[31mred\x1b[0m\x1b]0;t\x07 \x9b2J \xff\xfe\x00\x7f\u202e\u009b2J"))
	f.Add([]byte("  Receiving data:  0 KBytes\b\b\b\b\b\b\b\b68 KBytes\r\n\r  TFTP: Received x (3 bytes)\r\n"))
	f.Add([]byte("\b\b\x1b[\x1b]\x1bP\r\r\n\x1b[31;"))
	f.Fuzz(func(t *testing.T, console []byte) {
		result, err := Watch(t.Context(), bytes.NewReader(console), Expectation{Expect: patterns("$^x")})
		if err == nil {
			t.Error("matched the impossible")
		}
		for _, text := range []string{result.Tail, err.Error()} {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("unsafe text %q", text)
			}
		}
		if len(result.Tail) > tailBytes {
			t.Errorf("tail of %d bytes", len(result.Tail))
		}
	})
}
