#!/bin/sh
# Makes the images of this directory, with Debian's genisoimage 1.1.11 and xorriso 1.5.4. What they hold
# is in images_test.go.
set -eu
cd "$(dirname "$0")"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# The tree has the names of Ubuntu's images.
mkdir -p "$tree/boot" "$tree/install/generic"
echo kernel >"$tree/boot/kernel.ubuntu"
echo initrd >"$tree/boot/initrd.ubuntu"
: >"$tree/boot/empty"
printf '* Ubuntu\nboot/kernel.ubuntu 0x00000000\n' >"$tree/ubuntu.ins"
echo vmlinuz >"$tree/install/generic/vmlinuz"

pack() { gzip -9n >"$1"; }
genisoimage -quiet -no-pad -iso-level 1 "$tree" | pack plain.iso.gz
genisoimage -quiet -no-pad -J "$tree" | pack joliet.iso.gz

# What POSIX names allow: links of every kind, a target of several entries, names that need a
# continuation area, and directories deeper than eight levels.
name() { printf "%0$1d" 0 | tr 0 "$2"; }
ln -s boot/kernel.ubuntu "$tree/relative"
ln -s /install/./generic/../generic/vmlinuz "$tree/boot/absolute"
ln -s ../../../../ubuntu.ins "$tree/boot/above"
ln -s boot "$tree/directory"
ln -s loop "$tree/loop"
ln -s absent "$tree/dangling"
echo long >"$tree/$(name 250 n)"
ln -s "install/$(name 200 x)/$(name 200 y)/../../generic/vmlinuz" "$tree/long-link"
mkdir -p "$tree/install/$(name 200 x)/$(name 200 y)"
mkdir -p "$tree/1/2/3/4/5/6/7/8/9/10"
echo deep >"$tree/1/2/3/4/5/6/7/8/9/10/file"
ln -s ../up "$tree/1/2/3/4/5/6/7/8/9/10/link"
echo up >"$tree/1/2/3/4/5/6/7/8/9/up"
mkdir "$tree/many"
for i in $(seq 100); do echo "$i" >"$tree/many/file-with-a-name-of-some-length-$i"; done

genisoimage -quiet -no-pad -R -J -joliet-long "$tree" 2>/dev/null | pack genisoimage.iso.gz
xorriso -as mkisofs -quiet -no-pad -R -rr_reloc_dir /rr_moved "$tree" 2>/dev/null | pack xorriso.iso.gz
