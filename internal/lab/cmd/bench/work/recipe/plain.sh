# The recipe's objects with plain commands: sh plain.sh apply|plan|destroy
set -eu

# dnsmasq reads files as the user nobody, so modes must be set, which is possible only in XML.

pool() { # NAME DIRECTORY
	virsh -q pool-define /dev/stdin <<-XML
		<pool type='dir'>
		  <name>$1</name>
		  <target><path>$2</path><permissions><mode>0755</mode></permissions></target>
		</pool>
	XML
	virsh -q pool-build "$1"
	virsh -q pool-start "$1"
	virsh -q pool-autostart "$1"
}

file() { # POOL NAME, the content on the standard input
	virsh -q vol-create "$1" /dev/stdin <<-XML
		<volume>
		  <name>$2</name>
		  <capacity>0</capacity>
		  <target><format type='raw'/><permissions><mode>0644</mode></permissions></target>
		</volume>
	XML
	virsh -q vol-upload "$2" /dev/stdin --pool "$1"
}

unpool() { # NAME
	virsh -q pool-destroy "$1"
	virsh -q pool-delete "$1"
	virsh -q pool-undefine "$1"
}

case $1 in
apply)
	pool bench /srv/bench
	pool bench-pxelinux.cfg /srv/bench/pxelinux.cfg
	curl -sf "$TF_VAR_kernel" | file bench linux-kernel
	curl -sf "$TF_VAR_initrd" | file bench linux-initrd
	file bench-pxelinux.cfg default <default
	virsh -q net-define network.xml
	virsh -q net-start bench
	virsh -q net-autostart bench
	virsh -q vol-create-as default bench.qcow2 8GiB --format qcow2
	virsh -q define guest.xml
	virsh -q start bench
	;;
plan)
	virsh -q pool-dumpxml bench
	virsh -q pool-dumpxml bench-pxelinux.cfg
	virsh -q vol-dumpxml linux-kernel bench
	virsh -q vol-dumpxml linux-initrd bench
	virsh -q vol-dumpxml default bench-pxelinux.cfg
	virsh -q net-dumpxml bench
	virsh -q vol-dumpxml bench.qcow2 default
	virsh -q dumpxml bench
	;;
destroy)
	virsh -q destroy bench
	virsh -q undefine bench
	virsh -q vol-delete bench.qcow2 default
	virsh -q net-destroy bench
	virsh -q net-undefine bench
	virsh -q vol-delete default bench-pxelinux.cfg
	virsh -q vol-delete linux-initrd bench
	virsh -q vol-delete linux-kernel bench
	unpool bench-pxelinux.cfg
	unpool bench
	;;
esac
