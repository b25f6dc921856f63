# The first process of a lab: it runs in mount, network and process namespaces of its own, so what
# happens here never reaches the machine's own libvirt, its network or its processes.
#
#   sh init.sh LAB CACHE ROOT SHARED...
#
# LAB is the directory of this lab. CACHE is the directory for libvirt's cache of all labs of a generation. ROOT
# has the programs. If ROOT is not /, the lab sees only the SHARED directories of the machine.
set -eu
lab=$1 cache=$2 root=$3
shift 3

mount --make-rprivate /

# The new /sys has no cgroups, because libvirtd would create groups and leave them. The old /sys is unmounted,
# because libvirtd also finds the mounts that are hidden below the new one.
umount --recursive --lazy /sys

# A new /dev without KVM: guests are emulated, even if the machine has KVM. If libvirtd may use KVM and QEMU may not, libvirtd
# treats QEMU's answers as outdated and asks again at each look-up, which takes ten seconds for a guest (libvirt
# src/qemu/qemu_capabilities.c, virQEMUCapsIsValid). A mount over /dev/kvm would not work, because libvirtd could not move it.
if [ -e /dev/kvm ]; then
	mkdir "$lab/dev"
	mount -t tmpfs -o mode=0755 tmpfs "$lab/dev"
	mkdir "$lab/dev/upper" "$lab/dev/work" "$lab/dev/merged"
	mknod "$lab/dev/upper/kvm" c 0 0 # this hides it
	mount -t overlay -o "lowerdir=/dev,upperdir=$lab/dev/upper,workdir=$lab/dev/work" overlay "$lab/dev/merged"
	for dir in pts shm; do mount --rbind "/dev/$dir" "$lab/dev/merged/$dir"; done
	umount --recursive --lazy /dev # as /sys
	mount --rbind "$lab/dev/merged" /dev
	umount --recursive --lazy "$lab/dev"
fi

if [ "$root" != / ]; then
	# Changes are written to memory, so that labs share one root without changing it.
	mount -t tmpfs -o mode=0755 tmpfs "$lab/root"
	cd "$lab/root"
	mkdir upper work merged
	mount -t overlay -o "lowerdir=$root,upperdir=$lab/root/upper,workdir=$lab/root/work" overlay merged
	mount --rbind /dev merged/dev
	for dir; do
		mkdir -p "merged$dir"
		mount --bind "$dir" "merged$dir"
	done
	cd merged
	pivot_root . mnt
fi
mount -t proc proc /proc
[ "$root" = / ] || umount --lazy /mnt
mount -t sysfs sysfs /sys

# A separate /run hides the machine's system bus, on which libvirtd would ask firewalld and machined.
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/libvirt /run/lock # where libvirtd locks consoles

mount --bind "$lab/run" /run/libvirt
mount --bind "$lab/etc" /etc/libvirt
mount --bind "$lab/lib" /var/lib/libvirt
mount --bind "$lab/log" /var/log/libvirt
mount --bind "$cache" /var/cache/libvirt
mount --bind "$lab/srv" /srv
ip link set lo up
echo ready

# The pipe on the standard input ends when its owner stops the lab or dies, by any signal. Until then the shell
# waits here and reaps every orphan. Otherwise libvirtd could not tell that a guest has ended.
cat >/dev/null

kill -KILL -1
for try in 1 2 3 4 5; do
	rm -rf "$lab" && exit # fails while a dying process still writes
	sleep 0.2
done
