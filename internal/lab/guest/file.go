//go:build linux

package main

import "syscall"

// describeFile reports the file at a path: its mode as in stat(2), in octal, its owner, and its content, which
// is empty for a directory. For a symbolic link it reports the mode of the link, and the content of its target.
func describeFile(path string) {
	var stat syscall.Stat_t
	if err := syscall.Lstat(path, &stat); err != nil {
		say("file=%s error=[%v]", path, err)
		return
	}
	say("file=%s mode=%o owner=%d:%d bytes=%d content=[%s]", path, stat.Mode, stat.Uid, stat.Gid, stat.Size, text(path))
}
