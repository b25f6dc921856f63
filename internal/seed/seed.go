// Package seed makes the small volumes that configure a guest at its first boot: cloud-init's NoCloud data
// and an Ignition configuration. s390x has no fw_cfg, no SMBIOS and no CD-ROM drive, so both are disks.
//
// Their content may be secret, so no error quotes it.
package seed

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/iso9660"
)

// MaxSize is larger than any seed.
const MaxSize = iso9660.MaxContent + 64<<10

// block is the unit of the size of a volume with an Ignition configuration. Linux reads this much of a disk
// at once when it looks for partitions, and reports an error if the disk is smaller. QEMU would fill the
// last sector of a file with zeros, which are not JSON.
const block = 4096

// CloudInit is NoCloud data: the content of the files with these names.
// https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
type CloudInit struct {
	UserData      string
	MetaData      string // with an instance-id; if empty, it is derived from the rest
	NetworkConfig string
	VendorData    string
}

// label is the volume ID by which cloud-init finds its data on any disk.
const label = "cidata"

// Volume is the image of a file system with the data.
func (c CloudInit) Volume() ([]byte, error) {
	if c.MetaData == "" {
		c.MetaData = c.defaultMetaData()
	}
	// cloud-init ignores the disk if one of the first two files is missing.
	files := []iso9660.File{
		{Name: "meta-data", Content: []byte(c.MetaData)},
		{Name: "user-data", Content: []byte(c.UserData)},
	}
	if c.NetworkConfig != "" {
		files = append(files, iso9660.File{Name: "network-config", Content: []byte(c.NetworkConfig)})
	}
	if c.VendorData != "" {
		files = append(files, iso9660.File{Name: "vendor-data", Content: []byte(c.VendorData)})
	}
	var image bytes.Buffer
	err := iso9660.Write(&image, label, files)
	return image.Bytes(), err
}

// defaultMetaData derives the instance-id from the other data: cloud-init runs once for each instance-id,
// so it runs again when the data change.
func (c CloudInit) defaultMetaData() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{c.UserData, c.NetworkConfig, c.VendorData}, "\x00")))
	return fmt.Sprintf("instance-id: iid-%x\n", sum[:6])
}

// userDataHeads are the first words of user data, by which cloud-init recognizes their kind.
// https://cloudinit.readthedocs.io/en/latest/explanation/format/index.html
var userDataHeads = []string{
	"#cloud-config", "#!", "#include", "#cloud-boothook", "#part-handler", "## template: jinja",
	"Content-Type:", "MIME-Version:", "From ",
}

// CheckUserData refuses user data that cloud-init would ignore.
func CheckUserData(text string) error {
	if slices.ContainsFunc(userDataHeads, func(head string) bool { return strings.HasPrefix(text, head) }) {
		return checkCloudConfig(text)
	}
	return fmt.Errorf("cloud-init ignores user data that do not begin with one of %s; begin YAML with a line #cloud-config", strings.Join(userDataHeads, ", "))
}

// checkCloudConfig refuses a cloud-config that is not a map in YAML. cloud-init then ignores all of it, and counts as successful:
// cloudinit/handlers/cloud_config.py. A node is read and not its value, because YAML 1.1 as cloud-init reads it allows a key twice.
func checkCloudConfig(text string) error {
	head, _, _ := strings.Cut(text, "\n")
	if strings.TrimSpace(head) != "#cloud-config" {
		return nil // it has another format, or is a template
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return fmt.Errorf("cloud-init would ignore the user data, because they are not valid YAML%s", placeOf(err))
	}
	if len(document.Content) > 0 && document.Content[0].Kind != yaml.MappingNode && document.Content[0].Tag != "!!null" {
		return errors.New("cloud-init would ignore the user data, because there is no map after #cloud-config; write keys, such as packages: [nginx]")
	}
	return nil
}

var yamlLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`line \d+`) })

// placeOf returns the line of an error of YAML. The rest of its text may quote the user data, which can have secrets.
func placeOf(err error) string {
	if line := yamlLine().FindString(err.Error()); line != "" {
		return " at " + line
	}
	return ""
}

// Ignition returns the volume of an Ignition configuration: its text, filled with newlines up to the end of a block.
// https://coreos.github.io/ignition/supported-platforms/
func Ignition(config string) ([]byte, error) {
	if err := CheckIgnition(config); err != nil {
		return nil, err
	}
	blanks := (block - len(config)%block) % block
	return append([]byte(config), bytes.Repeat([]byte("\n"), blanks)...), nil
}

// CheckIgnition refuses a text that is not an Ignition configuration.
func CheckIgnition(config string) error {
	var parsed struct {
		Ignition struct{ Version string }
	}
	var syntax *json.SyntaxError
	err := json.Unmarshal([]byte(config), &parsed)
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("the configuration is not valid JSON at byte %d; use butane to convert YAML to JSON", syntax.Offset)
	case err != nil, parsed.Ignition.Version == "":
		return errors.New("the configuration is JSON without ignition.version, so it is not an Ignition configuration")
	case len(config) > iso9660.MaxContent:
		return fmt.Errorf("the configuration has more than %d MiB", iso9660.MaxContent>>20)
	}
	return nil
}

// Kind is the kind of a seed.
type Kind string

// The kinds of seeds.
const (
	KindCloudInit Kind = "cloud-init"
	KindIgnition  Kind = "ignition"
)

// labelAt is the place of an image's volume ID: ECMA-119 8.4.7, in sector 16.
const labelAt = 16*2048 + 40

// Identify returns the kind of a volume by its content, or "" if it is not a seed.
func Identify(content []byte) Kind {
	switch {
	case len(content) > labelAt+len(label) && strings.EqualFold(string(content[labelAt:labelAt+len(label)]), label):
		return KindCloudInit
	case CheckIgnition(string(trimmed(content))) == nil:
		return KindIgnition
	default:
		return ""
	}
}

// MetaData is the name of cloud-init's meta data in the parts of a seed.
const MetaData = "meta-data"

// Parts returns the content of a seed that any program has made: cloud-init's files by name (a missing file counts as empty),
// or Ignition's configuration without what fills its last block. It returns nil if the volume is not a seed.
func Parts(content []byte) map[string][]byte {
	switch Identify(content) {
	case KindIgnition:
		return map[string][]byte{"ignition": trimmed(content)}
	case KindCloudInit:
		return filesOf(content, MetaData, "user-data", "network-config", "vendor-data")
	default:
		return nil
	}
}

func filesOf(content []byte, names ...string) map[string][]byte {
	image, err := iso9660.Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil
	}
	files := map[string][]byte{}
	for _, name := range names {
		files[name] = nil
		if at, err := image.Find(name); err == nil && at.Offset+at.Size <= int64(len(content)) {
			files[name] = content[at.Offset : at.Offset+at.Size]
		}
	}
	return files
}

// trimmed returns a configuration without what fills the last block. QEMU fills it with zeros.
func trimmed(content []byte) []byte { return bytes.TrimRight(content, "\x00\n\r\t ") }
