# The guest with plain commands, up to the first line of its console: sh plain.sh apply|plan|destroy
set -eu

shown() { # WORDS, on the console
	until grep --quiet --no-messages "$1" console; do sleep 0.01; done
}

case $1 in
apply)
	cat >network.xml <<-XML
		<network><name>bench</name><bridge stp='off' delay='0'/></network>
	XML
	virsh -q net-define network.xml
	virsh -q net-start bench
	cat >guest.xml <<-XML
		<domain type='qemu'><name>bench</name><memory unit='MiB'>512</memory><os><type arch='s390x'>hvm</type></os>
		<devices>
		<interface type='network'><source network='bench'/><model type='virtio'/><boot order='1'/></interface>
		<console type='pty'><target type='sclp'/></console>
		</devices></domain>
	XML
	virsh -q define guest.xml
	rm -f terminal console
	mkfifo terminal
	sleep 60 >terminal &
	typist=$!
	# What a guest writes before its console is open is lost, even with "virsh start --console".
	virsh -q start bench --paused
	# virsh needs a terminal for the console. script takes two seconds to end, and this does not wait for it.
	script --quiet --command "virsh console bench" /dev/null <terminal >console 2>/dev/null &
	shown "Escape character"
	virsh -q resume bench
	shown LOADPARM
	kill $! $typist
	;;
plan)
	virsh -q net-dumpxml bench
	virsh -q dumpxml bench
	;;
destroy)
	virsh -q destroy bench
	virsh -q undefine bench
	virsh -q net-destroy bench
	virsh -q net-undefine bench
	;;
esac
