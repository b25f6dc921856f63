package virt

import "testing"

// TestVolumeOfOtherPools reads volumes as libvirt shows them in pools that are not directories. A test cannot make
// some of them.
func TestVolumeOfOtherPools(t *testing.T) {
	for _, test := range []struct {
		name, text, format, preallocation, backing string
	}{
		{"LV", `<volume type='block'><name>root</name><key>cyY1Oy</key><capacity unit='bytes'>8388608</capacity><allocation unit='bytes'>8388608</allocation>
			<target><path>/dev/vg/root</path><permissions><mode>0660</mode><owner>0</owner><group>6</group></permissions></target></volume>`, "raw", "falloc", ""},
		{"snapshot of an LV", `<volume type='block'><name>snap</name><capacity unit='bytes'>8388608</capacity><allocation unit='bytes'>4194304</allocation>
			<target><path>/dev/vg/snap</path></target><backingStore><path>/dev/vg/root</path></backingStore></volume>`, "raw", "off", ""},
		{"partition", `<volume type='block'><name>sda1</name><capacity unit='bytes'>8388608</capacity><allocation unit='bytes'>8388608</allocation>
			<target><path>/dev/sda1</path><format type='linux'/></target></volume>`, "raw", "falloc", ""},
		{"SCSI LUN", `<volume type='block'><name>unit:0:0:1</name><capacity unit='bytes'>8388608</capacity><allocation unit='bytes'>8388608</allocation>
			<target><path>/dev/disk/by-path/ccw-0.0.1900-fc-0x500507680b21ac36-lun-1</path></target></volume>`, "raw", "falloc", ""},
		{"RBD", `<volume type='network'><name>disk</name><key>pool/disk</key><capacity unit='bytes'>8388608</capacity><allocation unit='bytes'>0</allocation>
			<target><path>pool/disk</path><format type='raw'/></target></volume>`, "raw", "off", ""},
		{"overlay", `<volume type='file'><name>over</name><capacity unit='bytes'>1048576</capacity><allocation unit='bytes'>2048000</allocation><physical unit='bytes'>2048000</physical>
			<target><path>/srv/over</path><format type='qcow2'/></target><backingStore><path>/srv/base</path><format type='vmdk'/></backingStore></volume>`, "qcow2", "off", "/srv/base"},
	} {
		v, err := parseVolume("other", test.text)
		backing := ""
		if v.Backing != nil {
			backing = v.Backing.Path
		}
		if err != nil || v.Format != test.format || v.Preallocation != test.preallocation || backing != test.backing {
			t.Errorf("%s: %v, %+v", test.name, err, v)
		}
	}
}
