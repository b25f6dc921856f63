# Makes Debian 12 for guests that load their root file system over the network: vmlinuz, initrd and root.squashfs. It runs
# in user and mount namespaces of its own, and has a binfmt_misc of its own there, so that the machine never runs programs of
# another architecture.
#
#   sh live.sh DIR ARCH BINFMT PACKAGES
#
# DIR receives the files. BINFMT registers an emulator for ARCH, or is empty.
set -eu
dir=$1 arch=$2 binfmt=$3 packages=$4
root=$dir/root
if [ -n "$binfmt" ]; then
	mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
	printf %s "$binfmt" >/proc/sys/fs/binfmt_misc/register
fi

# Every package with a part in the initrd would build it, which takes minutes under emulation. It is built once, at the end, with
# only the drivers of QEMU's devices: the hook of live-boot adds those of all network devices, and asks each for its firmware.
cat >"$dir/configure" <<'END'
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/etc/initramfs-tools/hooks"
cd "$1/etc/initramfs-tools"
echo update_initramfs=no >update-initramfs.conf
echo MODULES=list >conf.d/lab
echo COMPRESS=gzip >>conf.d/lab
for module in virtio_net virtio_blk virtio_pci loop squashfs overlay ext4; do echo "$module"; done >modules
cat >hooks/lab <<'HOOK'
#!/bin/sh
[ "${1-}" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
mkdir -p "$DESTDIR/lib/live"
cp -a /lib/live/boot "$DESTDIR/lib/live"
cp -a /bin/live-boot "$DESTDIR/bin"
for program in /bin/mount /sbin/losetup; do copy_exec "$program"; done
HOOK
chmod +x hooks/lab
END
cat >"$dir/finish" <<'END'
chroot "$1" passwd --quiet --delete root
mkdir "$1/etc/systemd/system.conf.d"
# A login prompt waits for its device, which an emulated guest on a busy machine has after more than the default of 90 s.
printf '[Manager]\nDefaultDeviceTimeoutSec=30min\n' >"$1/etc/systemd/system.conf.d/lab.conf"
ln -s /dev/null "$1/etc/systemd/system/getty-static.service" # six more prompts
echo debian >"$1/etc/hostname"
: >"$1/etc/machine-id" # systemd makes one
chmod -x "$1/usr/share/initramfs-tools/hooks/live"
version=$(ls "$1/lib/modules")
chroot "$1" mkinitramfs -o "/boot/initrd.img-$version" "$version"
END
export DEBIAN_FRONTEND=noninteractive INITRD=No
mmdebstrap --quiet --mode=root --skip=check/qemu --architectures="$arch" --variant=essential \
	--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	--dpkgopt=force-unsafe-io --dpkgopt=force-confold \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--essential-hook="sh -eu $dir/configure \"\$1\"" --customize-hook="sh -eu $dir/finish \"\$1\"" \
	--include="$packages" bookworm "$root" http://deb.debian.org/debian
cp "$root"/boot/vmlinuz-* "$dir/vmlinuz"
cp "$root"/boot/initrd.img-* "$dir/initrd"
mksquashfs "$root" "$dir/root.squashfs" -quiet -no-progress -comp zstd -Xcompression-level 3
rm -r "$root" "$dir/configure" "$dir/finish"
