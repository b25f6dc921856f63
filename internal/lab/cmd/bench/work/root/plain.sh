# The image's files with plain commands, the root file system from a web server with a checksum, or from a local path: sh plain.sh apply|plan|destroy
set -eu

upload() {
	virsh -q vol-create-as default "$1" 0 --format raw
	virsh -q vol-upload "$1" "$2" --pool default
}

case $1 in
apply)
	upload kernel "$TF_VAR_kernel"
	case $TF_VAR_root in
	http:*)
		virsh -q vol-create-as default root.squashfs 0 --format raw
		{ curl -sf "$TF_VAR_root" | tee /dev/fd/3 | virsh -q vol-upload root.squashfs /dev/stdin --pool default; } 3>&1 | sha256sum | grep -q "^${TF_VAR_checksum#sha256:}"
		;;
	*) upload root.squashfs "$TF_VAR_root" ;;
	esac
	;;
plan)
	virsh -q vol-dumpxml kernel default
	virsh -q vol-dumpxml root.squashfs default
	;;
destroy)
	virsh -q vol-delete kernel default
	virsh -q vol-delete root.squashfs default
	;;
esac
