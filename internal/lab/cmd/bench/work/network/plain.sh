# The network with plain commands. It has no guests, so a restart disconnects none: sh plain.sh apply|plan|change|destroy
set -eu

define() {
	cat >network.xml <<XML
<network><name>bench</name><forward mode='nat'/><bridge stp='off' delay='0'/><domain name='$1'/>
<ip address='192.168.160.1' prefix='24'><dhcp><range start='192.168.160.10' end='192.168.160.20'/></dhcp></ip></network>
XML
	virsh -q net-define network.xml
}

case $1 in
apply)
	define bench.test
	virsh -q net-autostart bench
	virsh -q net-start bench
	;;
plan) virsh -q net-dumpxml bench ;;
change)
	virsh -q net-dumpxml --inactive bench | sed 's/bench.test/changed.test/' >network.xml
	virsh -q net-define network.xml
	virsh -q net-destroy bench
	virsh -q net-start bench
	;;
destroy)
	virsh -q net-destroy bench
	virsh -q net-undefine bench
	;;
esac
