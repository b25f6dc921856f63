package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchFacts checks what a result says in addition to the matches.
func TestWatchFacts(t *testing.T) {
	console, err := os.ReadFile("testdata/bootfile-missing-boots.console")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		slow, guest := io.Pipe()
		go func() {
			for line := range bytes.Lines(console) {
				time.Sleep(time.Millisecond)
				_, _ = guest.Write(line)
			}
			_ = guest.Close()
		}()
		got, err := Watch(t.Context(), slow, Expectation{Expect: patterns(`Linux version (\d+)\.(\d+)`, `(?P<word>Run) (x)?`, "login: $")})
		if err != nil {
			t.Fatal(err)
		}
		if got.Config != "pxelinux.cfg/default" || got.Server != "192.168.150.1" {
			t.Errorf("config %q, server %q", got.Config, got.Server)
		}
		if want := [][]string{{"4", "18"}, {"Run", ""}, {}}; !reflect.DeepEqual(got.Groups, want) {
			t.Errorf("groups %q, want %q", got.Groups, want)
		}
		last := time.Duration(0)
		for stage := StageFirmware; stage <= StageUserspace; stage++ {
			at, reached := got.Stages[stage]
			if !reached || at < last || at > got.Elapsed {
				t.Errorf("stage %s at %s of %s", stage, at, got.Elapsed)
			}
			last = at
		}
	})
}

// TestWatchPanic checks that a panic ends a watch although the console stays open, with the messages of
// Linux about it, and that the watch continues if a crash kernel starts.
func TestWatchPanic(t *testing.T) {
	const panicked = "Linux version 6\n[ 1.0] Kernel panic - not syncing: x\n"
	for _, test := range []struct {
		name  string
		then  []string // one each second
		fails bool
		after time.Duration
	}{
		{"stays", []string{"Call Trace:\n"}, true, panicDelay},
		{"reboots", []string{"LOADPARM=[        ]\n"}, true, time.Second},
		{"says what is expected", []string{"[ 2.0] ---[ end Kernel panic, ready\n"}, false, time.Second},
		{"has a kernel for crashes", []string{"Linux version 6\n", "x\n", "ready\n"}, false, 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				console, guest := io.Pipe()
				defer console.Close()
				go func() {
					fmt.Fprint(guest, panicked)
					for _, text := range test.then {
						time.Sleep(time.Second)
						fmt.Fprint(guest, text)
					}
				}()
				result, err := Watch(t.Context(), console, Expectation{Expect: patterns("ready")})
				var failure *Failure
				if errors.As(err, &failure) != test.fails || failure != nil && failure.Reason != Panicked {
					t.Errorf("got %v", err)
				}
				if result.Elapsed != test.after || !strings.Contains(result.Tail, test.then[0][:5]) {
					t.Errorf("after %s, with %q", result.Elapsed, result.Tail)
				}
				_ = console.Close()
			})
		})
	}
}

// TestWatchForbidden checks that the failure has the lines that follow a forbidden one at once, and that a console that never pauses
// does not delay it for long.
func TestWatchForbidden(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines int // of the console, one each 100 ms
		after time.Duration
	}{
		{"pauses", 2, 100*time.Millisecond + promptPause},
		{"never pauses", 100, forbidDelay},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				console, guest := io.Pipe()
				go func() {
					for range test.lines {
						if _, err := fmt.Fprint(guest, "-------\nRoot password:"); err != nil {
							return
						}
						time.Sleep(100 * time.Millisecond)
					}
				}()
				result, err := Watch(t.Context(), console, Expectation{Expect: patterns("ready"), Forbid: patterns("^-+$")})
				var failure *Failure
				if !errors.As(err, &failure) || failure.Reason != Forbidden || failure.Forbidden != "-------" {
					t.Errorf("got %v", err)
				}
				if result.Elapsed != test.after || !strings.Contains(result.Tail, "Root password:") {
					t.Errorf("after %s, with %q", result.Elapsed, result.Tail)
				}
				_ = console.Close()
				time.Sleep(time.Second) // until the guest has ended
			})
		})
	}
}

// TestWatchShell checks that a boot loader that waits for input has given up.
func TestWatchShell(t *testing.T) {
	for _, test := range []struct {
		console string
		gaveUp  bool
	}{
		{"Welcome to GRUB!\ngrub> ", true},
		{"Loading k... failed: No such file or directory\nboot: ", true},
		{"Loading k..Loading k....failed:failed:  No such file or directorNo such file or directoryy\r\n\rboot:boot:  ", true},
		{"Loading k...Loading k...  ookk\r\n\r\n\rLoading i..Loading i....failed:failed:  No such file\r\n\r\n\rboot:boot:  ", true},
		{"cmdline too loncmdline too longg\r\n\r\n\rboot:boot:  ", true},
		{"No DEFAULT or UI configuration directive found!\nboot: ", true},
		{"N\r\x1b[24;02Ho DEFAULT or UI configuration directive found\r\n\r\n\rb\r\x1b[25;02Hoot:boot:  ", true},
		{"error: no such device.\ngrub rescue> ", true},
		{"error: File not found.\r\ng\r\x1b[25;02Hrub rescue> ", true},
		{"error: File not found.\r\ng\r\x1b[25;03Hrub rescue> ", false}, // not at the end of the line
		{"nosuch.0... No such file or directory (http://ipxe.org/2d12603b)\r\niPXE> ", true},
		{"\x1b[1m\x1b[33m\x1b[40mShell> \x1b[0m\x1b[37m\x1b[40m", true},
		{"Ready! \r\n0 > \x1b7", true},
		{"PXELINUX 6.04\nboot: ", false}, // with a timeout, after which it boots
		{"Linux version 6\n0 > ", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			console, guest := io.Pipe()
			go fmt.Fprint(guest, test.console)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := Watch(ctx, console, Expectation{Expect: patterns("never")})
			var failure *Failure
			if !errors.As(err, &failure) || (failure.Reason == GaveUp) != test.gaveUp {
				t.Errorf("%q: %v", test.console, err)
			}
			_ = console.Close()
		})
	}
}
