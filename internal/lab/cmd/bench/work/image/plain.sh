# The image's file with plain commands, from a web server or a local path: sh plain.sh apply|plan|destroy
set -eu

case $1 in
apply)
	virsh -q vol-create-as default big 0 --format raw
	case $TF_VAR_kernel in
	http:*) curl -sf "$TF_VAR_kernel" | virsh -q vol-upload big /dev/stdin --pool default ;;
	*) virsh -q vol-upload big "$TF_VAR_kernel" --pool default ;;
	esac
	;;
plan) virsh -q vol-dumpxml big default ;;
destroy) virsh -q vol-delete big default ;;
esac
