package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

const testRoot = "netboot_tftp_root.test"

// root is a configuration with one TFTP root of these attributes.
func root(attributes string) string {
	return fmt.Sprintf("resource \"netboot_tftp_root\" \"test\" {\n%s\n}\n", attributes)
}

func TestAccTFTPRoot(t *testing.T) {
	created := func(name, path string) resource.TestCheckFunc {
		return resource.ComposeTestCheckFunc(
			virshPrints(t, "pool-dumpxml "+name, "<path>"+path+"</path>"),
			virshPrints(t, "pool-dumpxml "+name+"-pxelinux.cfg", "<path>"+path+"/pxelinux.cfg</path>"),
			virshPrints(t, "pool-info "+name, "State:          running", "Autostart:      yes"),
			virshPrints(t, "pool-info "+name+"-pxelinux.cfg", "State:          running", "Autostart:      yes"),
			hostMode(t, path, 0o755),
			hostMode(t, path+"/pxelinux.cfg", 0o755),
		)
	}
	steps := []resource.TestStep{{
		Config: root(`path = "/srv/root"`),
		ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionCreate,
			plancheck.ExpectKnownValue(testRoot, tfjsonpath.New("id"), knownvalue.StringExact("srv-root")),
			plancheck.ExpectKnownValue(testRoot, tfjsonpath.New("name"), knownvalue.StringExact("srv-root"))),
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectIdentity(testRoot, map[string]knownvalue.Check{"host": knownvalue.Null(), "name": knownvalue.StringExact("srv-root")}),
			statecheck.ExpectKnownValue(testRoot, tfjsonpath.New("active"), knownvalue.Bool(true)),
		},
		Check: created("srv-root", "/srv/root"),
	}}
	steps = append(steps, imports(testRoot, "srv-root")...)
	for _, id := range []string{"nobody", "srv/root"} {
		steps = append(steps, resource.TestStep{ResourceName: testRoot, ImportState: true, ImportStateId: id, ExpectError: says("Cannot import non-existent remote object")})
	}
	steps = append(steps,
		resource.TestStep{
			Config:           root("path = \"/srv/root\"\n timeouts = { create = \"1m\" }"),
			ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionUpdate),
		},
		resource.TestStep{
			Config:           root("path = \"/srv/root\"\n name = \"acc\""),
			ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionDestroyBeforeCreate),
			Check:            resource.ComposeTestCheckFunc(created("acc", "/srv/root"), virshPrints(t, "pool-list --all --name", "not srv-root")),
		},
		resource.TestStep{
			Config:           root(`path = "/srv/other"`),
			ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionDestroyBeforeCreate),
			Check:            resource.ComposeTestCheckFunc(created("srv-other", "/srv/other"), hostAbsent(t, "/srv/root")),
		},
	)
	acceptance(t, steps...)
	expect(t, hostAbsent(t, "/srv/other"))
}

func TestAccTFTPRootDrift(t *testing.T) {
	config := root(`path = "/srv/root"`)
	mended := func(action plancheck.ResourceActionType, behindItsBack func()) resource.TestStep {
		return resource.TestStep{
			PreConfig:        behindItsBack,
			Config:           config,
			ConfigPlanChecks: actions(testRoot, action),
			Check: resource.ComposeTestCheckFunc(
				virshPrints(t, "pool-info srv-root", "State:          running", "Autostart:      yes"),
				virshPrints(t, "pool-info srv-root-pxelinux.cfg", "State:          running", "Autostart:      yes"),
				hostDir(t, "/srv/root", "pxelinux.cfg"),
			),
		}
	}
	undefine := func(name string) {
		virsh(t, "pool-destroy", name)
		virsh(t, "pool-undefine", name)
	}
	acceptance(t,
		resource.TestStep{Config: config},
		mended(plancheck.ResourceActionUpdate, func() { virsh(t, "pool-destroy", "srv-root") }),
		mended(plancheck.ResourceActionUpdate, func() { virsh(t, "pool-autostart", "--disable", "srv-root-pxelinux.cfg") }),
		mended(plancheck.ResourceActionUpdate, func() { undefine("srv-root-pxelinux.cfg") }),
		mended(plancheck.ResourceActionUpdate, func() { removeHostFile(t, "/srv/root") }),
		mended(plancheck.ResourceActionUpdate, func() { undefine("srv-root") }),
		mended(plancheck.ResourceActionCreate, func() {
			undefine("srv-root")
			undefine("srv-root-pxelinux.cfg")
			removeHostFile(t, "/srv/root")
		}),
	)
	expect(t, hostAbsent(t, "/srv/root"))
}

func TestAccTFTPRootAdoptsDirectory(t *testing.T) {
	makeDir(t, "/srv/theirs", 0o775)
	writeHostFile(t, "/srv/theirs/menu", []byte("theirs"))
	writeHostFile(t, "/srv/theirs/pxelinux.cfg/graphics", []byte("theirs"))
	acceptance(t, resource.TestStep{
		Config: root(`path = "/srv/theirs"`),
		Check:  hostMode(t, "/srv/theirs", 0o775),
	})
	expect(t, hostFile(t, "/srv/theirs/menu", []byte("theirs")))
	expect(t, hostFile(t, "/srv/theirs/pxelinux.cfg/graphics", []byte("theirs")))
}

// TestAccTFTPRootRefusesWhatNobodyCanRead holds that a directory which dnsmasq could not serve is not
// adopted, with or without a pool, and that nothing is left of the try.
func TestAccTFTPRootRefusesWhatNobodyCanRead(t *testing.T) {
	makeDir(t, "/srv/theirs", 0o700)
	makeDir(t, "/srv/theirs/pxelinux.cfg", 0o754)
	config := root("name = \"theirs\"\n path = \"/srv/theirs\"")
	refuses := func(path, mode string, before func()) resource.TestStep {
		return resource.TestStep{
			PreConfig: before, Config: config,
			ExpectError: says(`Unable to create TFTP root "theirs"`, "path =", fmt.Sprintf("The directory %q has mode %s,", path, mode), "run chmod 0755 "+path+" on the libvirt host"),
		}
	}
	nothing := func() {
		t.Helper()
		expect(t, virshPrints(t, "pool-list --all --name", "not theirs"))
	}
	acceptance(t,
		refuses("/srv/theirs", "0700", nil),
		refuses("/srv/theirs", "0711", func() { nothing(); chmodHost(t, "/srv/theirs", 0o711) }),
		refuses("/srv/theirs/pxelinux.cfg", "0754", func() { nothing(); chmodHost(t, "/srv/theirs", 0o755) }),
		resource.TestStep{
			PreConfig: func() { nothing(); chmodHost(t, "/srv/theirs/pxelinux.cfg", 0o705) },
			Config:    config,
			Check:     resource.ComposeTestCheckFunc(hostMode(t, "/srv/theirs", 0o755), hostMode(t, "/srv/theirs/pxelinux.cfg", 0o705)),
		},
	)
	expect(t, hostDir(t, "/srv/theirs", "pxelinux.cfg"))
}

// TestAccTFTPRootRefusesPoolOfLibvirtsMode is a pool whose directory libvirt made, with its own mode.
func TestAccTFTPRootRefusesPoolOfLibvirtsMode(t *testing.T) {
	t.Cleanup(func() { removeHostFile(t, "/srv/theirs") })
	define(t, "pool-define", "<pool type='dir'><name>theirs</name><target><path>/srv/theirs</path></target></pool>", "pool-undefine", "theirs")
	virsh(t, "pool-build", "theirs")
	virsh(t, "pool-start", "theirs")
	t.Cleanup(func() { virsh(t, "pool-destroy", "theirs") })
	config := root("name = \"theirs\"\n path = \"/srv/theirs\"")
	acceptance(t,
		resource.TestStep{Config: config, ExpectError: says(`The directory "/srv/theirs" has mode 0711,`, "run chmod 0755 /srv/theirs")},
		resource.TestStep{
			PreConfig: func() {
				expect(t, hostDir(t, "/srv/theirs"))
				expect(t, virshPrints(t, "pool-list --all --name", "theirs", "not theirs-pxelinux.cfg"))
				chmodHost(t, "/srv/theirs", 0o755) // libvirt has not looked since
			},
			Config: config,
		},
	)
	expect(t, virshPrints(t, "pool-info theirs", "State:          running"))
}

// TestAccTFTPRootBecomesUnreadable holds that a plan warns of a root which dnsmasq cannot read any more,
// and that a destroy works. Terraform does not print what it is warned of before a destroy.
func TestAccTFTPRootBecomesUnreadable(t *testing.T) {
	leavesNothing(t)
	c := newCLI(t, lab.Shared(t).URI, root(`path = "/srv/root"`))
	warns := func(path, mode string) {
		t.Helper()
		const summary = `Warning: Unable to serve TFTP root "srv-root"`
		want := says(summary, fmt.Sprintf("The directory %q has mode %s,", path, mode), "run chmod 0755 "+path)
		if printed := c.must("plan", "-detailed-exitcode"); !want.MatchString(printed) || strings.Count(printed, summary) != 1 {
			t.Errorf("the plan does not warn once of %s:\n%s", path, printed)
		}
	}
	c.must("apply", "-auto-approve")
	chmodHost(t, "/srv/root/pxelinux.cfg", 0o750)
	warns("/srv/root/pxelinux.cfg", "0750")
	chmodHost(t, "/srv/root/pxelinux.cfg", 0o755)
	chmodHost(t, "/srv/root", 0o711)
	warns("/srv/root", "0711")
	c.write("main.tf", onHost(lab.Shared(t).URI)+root("path = \"/srv/root\"\n timeouts = { read = \"1m\" }"))
	c.mustFail([]string{"apply", "-auto-approve"}, `Unable to update TFTP root "srv-root"`, `The directory "/srv/root" has mode 0711,`)
	c.must("destroy", "-auto-approve")
	expect(t, hostAbsent(t, "/srv/root"))
}

// TestAccTFTPRootKeepsWhatCameLater holds that a directory which it made stays while it holds
// somebody else's file.
func TestAccTFTPRootKeepsWhatCameLater(t *testing.T) {
	acceptance(t,
		resource.TestStep{Config: root(`path = "/srv/shared"`)},
		resource.TestStep{
			PreConfig: func() { makeDir(t, "/srv/shared/theirs", 0o755) },
			Config:    root(`path = "/srv/shared"`), ConfigPlanChecks: noChange,
		},
	)
	t.Cleanup(func() { removeHostFile(t, "/srv/shared") })
	expect(t, hostDir(t, "/srv/shared", "theirs"))
}

func TestAccTFTPRootMakesParents(t *testing.T) {
	acceptance(t, resource.TestStep{
		Config: root(`path = "/srv/far/below/tftp"`),
		Check:  resource.ComposeTestCheckFunc(hostMode(t, "/srv/far", 0o755), hostMode(t, "/srv/far/below", 0o755)),
	})
	t.Cleanup(func() { removeHostFile(t, "/srv/far") })
	expect(t, hostDir(t, "/srv/far/below"))
}

// definePool makes a pool that is somebody else's and not active.
func definePool(t *testing.T, name, path string) {
	t.Helper()
	makeDir(t, path, 0o755)
	define(t, "pool-define", fmt.Sprintf("<pool type='dir'><name>%s</name><target><path>%s</path></target></pool>", name, path),
		"pool-undefine", name)
}

func TestAccTFTPRootAdoptsPools(t *testing.T) {
	definePool(t, "theirs", "/srv/theirs")
	definePool(t, "theirs-pxelinux.cfg", "/srv/theirs/pxelinux.cfg")
	before := virsh(t, "pool-uuid", "theirs")
	acceptance(t, resource.TestStep{
		Config: root("name = \"theirs\"\n path = \"/srv/theirs\""),
		Check: resource.ComposeTestCheckFunc(
			virshPrints(t, "pool-info theirs", "State:          running", "Autostart:      yes"),
			virshPrints(t, "pool-uuid theirs", before),
		),
	})
	expect(t, virshPrints(t, "pool-info theirs", "State:          running"))
	expect(t, virshPrints(t, "pool-info theirs-pxelinux.cfg", "State:          running"))
	virsh(t, "pool-destroy", "theirs")
	virsh(t, "pool-destroy", "theirs-pxelinux.cfg")
}

func TestAccTFTPRootTaken(t *testing.T) {
	definePool(t, "theirs", "/srv/theirs")
	definePool(t, "mine-pxelinux.cfg", "/srv/elsewhere")
	config := func(name, path string) string { return root(fmt.Sprintf("name = %q\n path = %q", name, path)) }
	acceptance(t,
		resource.TestStep{
			Config:      config("theirs", "/srv/mine"),
			ExpectError: says(`Unable to create TFTP root "theirs"`, `path = "/srv/mine"`, `A pool "theirs" already exists at "/srv/theirs"`, "choose another name"),
		},
		resource.TestStep{
			Config:      config("mine", "/srv/theirs"),
			ExpectError: says(`Unable to create TFTP root "mine"`, `path = "/srv/theirs"`, `already the directory of pool "theirs"`, `set name = "theirs"`),
		},
		resource.TestStep{
			Config:      config("mine", "/srv/mine"),
			ExpectError: says(`A pool "mine-pxelinux.cfg" already exists at "/srv/elsewhere"`),
		},
		resource.TestStep{
			PreConfig: func() {
				expect(t, virshPrints(t, "pool-list --all --name", "not mine\n"))
				expect(t, hostAbsent(t, "/srv/mine"))
			},
			Config: config("mine2", "/srv/mine"),
			Check:  hostDir(t, "/srv/mine", "pxelinux.cfg"),
		},
	)
}

// TestAccTFTPRootUnusablePath holds that nothing is left of a root whose directory cannot be made.
func TestAccTFTPRootUnusablePath(t *testing.T) {
	makeDir(t, "/srv/blocked", 0o755)
	writeHostFile(t, "/srv/blocked/file", nil)
	acceptance(t, resource.TestStep{
		Config:      root(`path = "/srv/blocked/file/tftp"`),
		ExpectError: says(`Unable to create TFTP root "srv-blocked-file-tftp"`, "path =", "Not a directory", "move the file away"),
	})
	makeDir(t, "/srv/root", 0o755)
	writeHostFile(t, "/srv/root/grub", []byte("theirs"))
	acceptance(t, resource.TestStep{
		Config:      rootFiles(`"grub/a" = { content = "a" }`),
		ExpectError: says(`Unable to create TFTP root "srv-root"`, `"/srv/root/grub" is a file on the host`, "move the file away"),
	})
	expect(t, hostMode(t, "/srv/root/grub", 0o644))
	expect(t, hostFile(t, "/srv/root/grub", []byte("theirs")))
}

func TestAccTFTPRootInvalid(t *testing.T) {
	var steps []resource.TestStep
	for _, test := range []struct {
		attributes string
		error      []string
	}{
		{`path = "srv/tftp"`, []string{"Invalid path", "path =", `"srv/tftp" is not an absolute path`, "such as /srv/tftp"}},
		{`path = "/srv/tftp/"`, []string{"Invalid path", "path =", "without a trailing slash"}},
		{`path = "/srv/../tftp"`, []string{"Invalid path", "path ="}},
		{"path = \"/srv/tftp\"\n name = \"a/b\"", []string{"Invalid name", "name =", "slash"}},
		{"path = \"/srv/tftp\"\n name = \"\"", []string{"Invalid name", "name =", "empty"}},
	} {
		steps = append(steps, resource.TestStep{Config: root(test.attributes), PlanOnly: true, ExpectError: says(test.error...)})
	}
	acceptance(t, steps...)
}

func TestAccTFTPRootUnknown(t *testing.T) {
	config := func(name string) string {
		return fmt.Sprintf("resource \"terraform_data\" \"later\" { input = %q }\n", name) + root(`path = "/srv/${terraform_data.later.output}"`)
	}
	acceptance(t,
		resource.TestStep{
			Config:           config("one"),
			ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionCreate, plancheck.ExpectUnknownValue(testRoot, tfjsonpath.New("name"))),
			Check:            resource.TestCheckResourceAttr(testRoot, "id", "srv-one"),
		},
		resource.TestStep{
			Config: config("two"),
			ConfigPlanChecks: actions(testRoot, plancheck.ResourceActionDestroyBeforeCreate,
				plancheck.ExpectUnknownValue(testRoot, tfjsonpath.New("name")), plancheck.ExpectUnknownValue(testRoot, tfjsonpath.New("id"))),
			Check: resource.ComposeTestCheckFunc(resource.TestCheckResourceAttr(testRoot, "name", "srv-two"), hostAbsent(t, "/srv/one")),
		},
	)
}
