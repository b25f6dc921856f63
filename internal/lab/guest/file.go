//go:build linux

package main

import "syscall"

// describeFile reports what is at a path: its mode as in stat(2), in octal, its owner, and what it
// holds, which is nothing for a directory. A symbolic link has its own mode, and the content behind it.
func describeFile(path string) {
	var stat syscall.Stat_t
	if err := syscall.Lstat(path, &stat); err != nil {
		say("file=%s error=[%v]", path, err)
		return
	}
	say("file=%s mode=%o owner=%d:%d bytes=%d content=[%s]", path, stat.Mode, stat.Uid, stat.Gid, stat.Size, text(path))
}
