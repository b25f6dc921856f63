package pxelinux

// SLOF is the firmware of ppc64le guests on pseries machines. Its network loader, SLOF lib/libnet/netload.c, reads the same files
// in the same way as the firmware of s390x guests, which took this code from SLOF. Its differences are here.
var SLOF Reader = slof{}

type slof struct{}

func (slof) String() string { return "SLOF, the firmware of ppc64le guests" }

// slofEntries is the number of entries. lib/libnet/netload.c: "#define MAX_PL_CFG_ENTRIES 16", of which pxelinux_parse_cfg() does
// not read the last.
var slofEntries = []entryLimit{{fewestEntries, "SLOF", Error}}

func (slof) read(text string) *reading { return readLibnet(text, slofEntries) }

func (slof) check(c Config) []Problem { return checkLibnet(c, slofAppendRules) }

func (slof) limits(c Config) []Problem { return libnetLimits(c, slofEntries) }

func (slof) text(c Config) string { return libnetText(c) }

func (slof) boot(c Config, _ string) (Entry, error) {
	e := libnetDefault(c)
	e.Append = "" // slofAppendRules
	return e, nil
}

// UUIDFileName returns the same name as for the firmware of s390x guests: lib/libnet/netload.c get_uuid() reads the UUID from the
// device tree, where QEMU hw/ppc/spapr.c spapr_dt_system_id() writes it as libvirt does.
func (slof) UUIDFileName(uuid string) (string, error) { return UUIDFileName(uuid) }

// UUIDOf returns the name, which is the UUID.
func (slof) UUIDOf(name string) string { return name }

// paths follows lib/libnet/netload.c netload(). SLOF looks for configurations only if DHCP names no bootfile, or a directory:
// "if (rc <= 0 && !obp_tftp_args.filename[0] && (!filename_len || fn_ip.filename[filename_len - 1] == '/'))". It does not even
// load the bootfile if there is an option 209.
func (s slof) paths(search Search) ([]string, error) {
	if !search.namesFile() {
		return search.libnetPaths(s, nil)
	}
	if search.ConfigFile != "" {
		return nil, nil
	}
	return []string{search.BootFile}, nil
}

// slofAppendRules refuse every argument. lib/libnet/netload.c net_pxelinux_load() stores append in /chosen/bootargs, and then
// slof/fs/packages/obp-tftp.fs "load" puts back the value from before, which is empty (measured with SLOF 20220719).
var slofAppendRules = []rule{{
	func(v string) bool { return v != "" },
	"never reaches the kernel; SLOF puts back an empty command line after it has loaded the files",
	"leave append empty, and set kernel.cmdline of the netboot_image, which writes the command line into the published kernel",
}}
