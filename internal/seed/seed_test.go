package seed

import (
	"bytes"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/iso9660"
)

func TestCloudInit(t *testing.T) {
	data := CloudInit{UserData: "#cloud-config\n", NetworkConfig: "version: 2\n", VendorData: "#!/bin/sh\n"}
	volume, err := data.Volume()
	if err != nil {
		t.Fatal(err)
	}
	if kind := Identify(volume); kind != KindCloudInit {
		t.Errorf("it is identified as %q", kind)
	}
	image, err := iso9660.Open(bytes.NewReader(volume), int64(len(volume)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"user-data": data.UserData, "network-config": data.NetworkConfig, "vendor-data": data.VendorData, "meta-data": "instance-id: iid-",
	} {
		at, err := image.Find(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := string(volume[at.Offset : at.Offset+at.Size]); !strings.HasPrefix(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	again, err := data.Volume()
	if err != nil || !bytes.Equal(again, volume) {
		t.Errorf("the same data make another volume (%v)", err)
	}
	data.UserData += "a: b\n"
	if other, _ := data.Volume(); bytes.Equal(other, volume) || bytes.Contains(other, []byte(CloudInit{}.defaultMetaData())) {
		t.Error("other data make the same volume, or the same instance")
	}
}

func TestIgnition(t *testing.T) {
	const config = `{"ignition": {"version": "3.4.0"}}`
	volume, err := Ignition(config)
	if err != nil || len(volume) != block || strings.TrimSpace(string(volume)) != config {
		t.Errorf("the volume is %q (%v)", volume, err)
	}
	if kind := Identify(volume); kind != KindIgnition {
		t.Errorf("it is identified as %q", kind)
	}
}

func TestRefused(t *testing.T) {
	const secret = "hunter2"
	for name, err := range map[string]error{
		"user data without a head": CheckUserData("password: " + secret),
		"no YAML":                  CheckUserData("#cloud-config\nusers: [" + secret),
		"an unknown anchor":        CheckUserData("#cloud-config\npassword: *" + secret),
		"a list":                   CheckUserData("#cloud-config\n- " + secret),
		"a text":                   CheckUserData("#cloud-config\n" + secret),
		"no JSON":                  CheckIgnition(secret),
		"JSON of another kind":     CheckIgnition(`{"` + secret + `": 1}`),
		"JSON that is no object":   CheckIgnition(`["` + secret + `"]`),
		"version of another type":  CheckIgnition(`{"ignition": {"version": {"` + secret + `": 1}}}`),
	} {
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "'h'") {
			t.Errorf("%s: error %v, want one that quotes nothing", name, err)
		}
	}
	for _, good := range []string{
		"#cloud-config", "#cloud-config\n", "#cloud-config\n# nothing\n", "#cloud-config\r\npackages: [nginx]\r\n", "#cloud-config\na: 1\na: 2\n", "#cloud-config\nnull\n",
		"#cloud-config-archive\n- type: text/x-shellscript\n", "#!/bin/sh\n", "## template: jinja\n#cloud-config\n{% if a %}\n",
	} {
		if err := CheckUserData(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if kind := Identify([]byte(strings.Repeat("\x00", 40<<10))); kind != "" {
		t.Errorf("zeros are identified as %q", kind)
	}
}

// FuzzIgnition checks that no error quotes a configuration, and that a text that is not an Ignition configuration
// makes no volume.
func FuzzIgnition(f *testing.F) {
	f.Add(`{"ignition": {"version": "`, `"}}`)
	f.Add(`{"ignition": {"version": "3.4.0"}, "a": [`, `]}`)
	f.Add("", "\x00")
	const secret = "hunter2"
	f.Fuzz(func(t *testing.T, before, after string) {
		text := before + secret + after
		for _, err := range []error{CheckIgnition(text), CheckUserData(text)} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%q: %v", text, err)
			}
		}
		volume, err := Ignition(text)
		if kind := Identify([]byte(text)); (kind == KindIgnition) != (err == nil) && len(text) <= labelAt {
			t.Errorf("%q is identified as %q (%v)", text, kind, err)
		}
		if err == nil && (len(volume)%block != 0 || !bytes.HasPrefix(volume, []byte(text)) || Identify(volume) != KindIgnition) {
			t.Errorf("%q makes %q", text, volume)
		}
	})
}

// FuzzIdentify writes any bytes at the position of a volume's label.
func FuzzIdentify(f *testing.F) {
	volume, err := CloudInit{}.Volume()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(volume[labelAt : labelAt+len(label)])
	f.Fuzz(func(t *testing.T, at []byte) {
		content := append(bytes.Clone(volume[:labelAt]), at...)
		if kind := Identify(content); (kind == KindCloudInit) != (len(at) > len(label) && bytes.HasPrefix(at, []byte(label))) {
			t.Errorf("%q as a label is identified as %q", at, kind)
		}
	})
}

// TestParts checks that the parts of a seed are returned, whatever fills its last block, and that nothing else is a seed.
func TestParts(t *testing.T) {
	const config = `{"ignition":{"version":"3.4.0"}}`
	for _, text := range []string{config, config + "\n", config + "\x00\x00\x00"} {
		if parts := Parts([]byte(text)); len(parts) != 1 || string(parts["ignition"]) != config {
			t.Errorf("%q: %q", text, parts)
		}
	}
	image, err := CloudInit{UserData: "#cloud-config\n", NetworkConfig: "version: 2\n"}.Volume()
	if err != nil {
		t.Fatal(err)
	}
	parts := Parts(image)
	for name, want := range map[string]string{"user-data": "#cloud-config\n", "network-config": "version: 2\n", "vendor-data": ""} {
		if string(parts[name]) != want {
			t.Errorf("%s is %q", name, parts[name])
		}
	}
	for _, none := range [][]byte{nil, []byte("{}"), image[:40000]} { // the last is cut
		if parts := Parts(none); len(parts) != 0 {
			t.Errorf("an incomplete seed has %q", parts)
		}
	}
}
