package main

import "testing"

// TestShell checks that the command line that the demo prints works when it is copied.
func TestShell(t *testing.T) {
	w := workspace{dir: "/home/me/.cache/demo", cli: "/usr/bin/tofu", settings: "/home/me/my project's/bin/dev.tfrc"}
	const want = `TF_CLI_CONFIG_FILE='/home/me/my project'\''s/bin/dev.tfrc' /usr/bin/tofu -chdir=/home/me/.cache/demo show`
	if got := w.shell("show"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
