# The network with plain commands: sh plain.sh apply|plan|change|destroy
set -eu

host() { # number, offset of the address
	printf "<host mac='52:54:00:00:%02x:%02x' name='guest-%d' ip='192.168.%d.%d'/>" \
		$(($1 / 256)) $(($1 % 256)) "$1" $((160 + $2 / 256)) $(($2 % 256))
}

case $1 in
apply)
	{
		echo "<network><name>bench</name><forward mode='nat'/><bridge stp='off' delay='0'/><ip address='192.168.160.1' prefix='20'><dhcp>"
		for i in $(seq 0 999); do host "$i" $((1000 + i)); done
		echo "</dhcp></ip></network>"
	} >network.xml
	virsh -q net-define network.xml
	virsh -q net-autostart bench
	virsh -q net-start bench
	;;
plan) virsh -q net-dumpxml bench ;;
change) virsh -q net-update bench modify ip-dhcp-host "$(host 500 4000)" --live --config ;;
destroy)
	virsh -q net-destroy bench
	virsh -q net-undefine bench
	;;
esac
