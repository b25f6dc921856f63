package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestHostSurvivesCrashOfLibvirtd(t *testing.T) {
	netboot(t, "netboot.then=wait")
	h := Shared(t)
	if err := h.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Virsh(t.Context(), "list"); err == nil {
		t.Error("libvirtd answers after it was killed")
	}
	if err := h.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := virsh(t, h, "domstate", "guest"); strings.TrimSpace(state) != "running" {
		t.Errorf("the guest is %s after libvirtd's restart", state)
	}
}

func TestHostIsApart(t *testing.T) {
	h := Shared(t)
	publish(t, h, "")
	create(t, h, "net", "testdata/network.xml", "lab")
	bridge := virsh(t, h, "net-info", "lab")
	bridge = strings.TrimSpace(bridge[strings.LastIndex(bridge, ":")+1:])
	if _, err := h.Exec(t.Context(), "ip", "link", "show", bridge); err != nil {
		t.Error(err)
	}
	if err := exec.CommandContext(t.Context(), "ip", "link", "show", bridge).Run(); err == nil {
		t.Errorf("the machine itself has the bridge %s", bridge)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	Need(t)
	h, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	publish(t, h, "")
	create(t, h, "net", "testdata/network.xml", "lab")
	namespace := processNamespace(t, h.init.Process.Pid)
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, h.Dir, namespace)
}

// With ownerOnly in its environment, the test binary only owns a host.
const ownerOnly = "NETBOOT_LAB_TEST_OWNER"

// ownHost prints where the host is, and waits to be killed.
func ownHost() {
	h, err := Start(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(h.Dir, h.init.Process.Pid)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestDeathOfOwnerLeavesNothing(t *testing.T) {
	Need(t)
	owner := exec.CommandContext(t.Context(), os.Args[0])
	owner.Stderr = os.Stderr
	owner.Env = append(os.Environ(), ownerOnly+"=1")
	output, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := owner.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	var dir string
	var init int
	if _, err := fmt.Fscan(output, &dir, &init); err != nil {
		t.Fatal(err)
	}
	namespace := processNamespace(t, init)
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // killed
	wantNothing(t, dir, namespace)
}

// wantNothing fails if the directory or a process of the namespace still exists.
func wantNothing(t *testing.T, dir, namespace string) {
	t.Helper()
	var left []string
	nothing := func() bool {
		left = processesIn(t, namespace)
		if _, err := os.Stat(dir); err == nil {
			left = append(left, dir)
		}
		return len(left) == 0
	}
	if !eventually(nothing) {
		t.Errorf("these still exist: %v", left)
	}
}

func processNamespace(t *testing.T, pid int) string {
	t.Helper()
	namespace, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "ns", "pid"))
	if err != nil {
		t.Fatal(err)
	}
	return namespace
}

func processesIn(t *testing.T, namespace string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && at == namespace {
			found = append(found, filepath.Dir(filepath.Dir(link)))
		}
	}
	return found
}
