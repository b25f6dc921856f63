package provider

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

func cloudInit(userData string) string {
	return volume(fmt.Sprintf("cloud_init = {\n user_data = %q\n network_config = \"version: 2\\n\"\n}", userData))
}

func ignition(path string) string {
	return volume(fmt.Sprintf(`ignition = jsonencode({ ignition = { version = "3.4.0" }, storage = { files = [{ path = %q }] } })`, path))
}

// hasOnHost checks that the volume's file has a text.
func hasOnHost(t *testing.T, text string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		content, err := os.ReadFile(inSrv(t, "/srv/acc/disk"))
		if err != nil || !bytes.Contains(content, []byte(text)) {
			return fmt.Errorf("%q is not on the host (%v)", text, err)
		}
		return hostDir(t, "/srv/acc", "disk")(nil)
	}
}

func TestAccVolumeSeed(t *testing.T) {
	accPool(t)
	replaces := actions(testVolume, plancheck.ResourceActionDestroyBeforeCreate)
	var steps []resource.TestStep
	for _, seed := range []func(string) string{
		func(text string) string { return cloudInit("#cloud-config\npassword: " + text + "\n") },
		ignition,
	} {
		config := resource.TestStep{Config: seed("/first"), Check: resource.ComposeTestCheckFunc(
			hasOnHost(t, "/first"),
			resource.TestCheckResourceAttr(testVolume, "format", "raw"),
			resource.TestCheckNoResourceAttr(testVolume, "ignition"),
			resource.TestCheckNoResourceAttr(testVolume, "cloud_init.user_data"))}
		steps = append(steps, config)
		steps = append(steps, imports(testVolume, "acc/disk", "capacity", "preallocation")...)
		steps = append(steps,
			resource.TestStep{Config: seed("/first"), ConfigPlanChecks: noChange},
			resource.TestStep{Config: seed("/second"), ConfigPlanChecks: replaces, Check: hasOnHost(t, "/second")},
			resource.TestStep{
				PreConfig: func() { // what only looks changed is not
					content, err := os.ReadFile(inSrv(t, "/srv/acc/disk"))
					if err != nil {
						t.Fatal(err)
					}
					writeHostFile(t, "/srv/acc/disk", content)
				},
				Config: seed("/second"), ConfigPlanChecks: noChange,
			},
			resource.TestStep{
				PreConfig: func() {
					content, err := os.ReadFile(inSrv(t, "/srv/acc/disk"))
					if err != nil {
						t.Fatal(err)
					}
					writeHostFile(t, "/srv/acc/disk", bytes.Replace(content, []byte("/second"), []byte("/theirs"), 1))
				},
				Config: seed("/second"), ConfigPlanChecks: replaces, Check: hasOnHost(t, "/second"),
			},
			resource.TestStep{ // known only after apply
				Config: `
resource "terraform_data" "later" { input = "third" }
` + strings.Replace(seed("/LATER"), "LATER", "${terraform_data.later.output}", 1),
				ConfigPlanChecks: replaces, Check: hasOnHost(t, "/third"),
			},
		)
	}
	steps = append(steps, resource.TestStep{Config: volume(`capacity = "1MiB"`), ConfigPlanChecks: replaces})
	acceptance(t, steps...)
}

// TestAccVolumeSeedImport holds that the plan after an import is empty where the host has what the
// configuration says, and replaces what it has not.
func TestAccVolumeSeedImport(t *testing.T) {
	accPool(t)
	for name, seed := range map[string]func(string) string{
		"cloud-init": func(text string) string { return cloudInit("#cloud-config\npassword: " + text + "\n") },
		"ignition":   ignition,
	} {
		t.Run(name, func(t *testing.T) {
			c := newCLI(t, lab.Shared(t).URI, seed("/same"))
			c.must("apply", "-auto-approve")
			c.must("state", "rm", testVolume)
			c.must("import", testVolume, "acc/disk")
			if output := c.must("plan"); !strings.Contains(output, "No changes") {
				t.Errorf("the plan is not empty:\n%s", output)
			}
			c.write("main.tf", onHost(lab.Shared(t).URI)+seed("/other"))
			if output := c.must("plan"); !strings.Contains(output, "must be replaced") {
				t.Errorf("the plan does not replace:\n%s", output)
			}
			c.must("destroy", "-auto-approve")
		})
	}
}

// TestAccVolumeSeedIsSecret holds that what is written into a seed is nowhere else.
func TestAccVolumeSeedIsSecret(t *testing.T) {
	accPool(t)
	const secret = "hunter2"
	for _, config := range []string{cloudInit("#cloud-config\npassword: " + secret + "\n"), ignition("/" + secret)} {
		c := newCLI(t, lab.Shared(t).URI, config)
		c.env = append(c.env, "TF_LOG_PROVIDER=TRACE")
		output := c.must("apply", "-auto-approve") + c.must("show", "-json") + c.state()
		c.write("main.tf", onHost(lab.Shared(t).URI)+strings.ReplaceAll(config, secret, secret+"3"))
		output += c.must("plan")
		c.must("destroy", "-auto-approve")
		if at := strings.Index(output, secret); at >= 0 {
			t.Errorf("the secret is in\n%s", output[max(0, at-300):at+50])
		}
	}
}

func TestAccVolumeSeedInvalid(t *testing.T) {
	var steps []resource.TestStep
	for _, test := range []struct {
		attributes string
		error      []string
	}{
		{`cloud_init = { user_data = "password: hunter2" }`, []string{"Invalid user data", "#cloud-config"}},
		{`cloud_init = { user_data = "#cloud-config\nusers: [hunter2" }`, []string{"Invalid user data", "not valid YAML at line"}},
		{`ignition = "hunter2"`, []string{"Invalid Ignition configuration", "ignition =", "not valid JSON"}},
		{`ignition = jsonencode({ a = 1 })`, []string{"Invalid Ignition configuration", "ignition.version"}},
		{"ignition = jsonencode({ ignition = { version = \"3.4.0\" } })\n capacity = \"1MiB\"", []string{"capacity", "ignition"}},
		{"cloud_init = {}\n source = \"/srv/disk\"", []string{"source", "cloud_init"}},
		{"cloud_init = {}\n format = \"qcow2\"", []string{"Invalid format", "format =", "Use raw"}},
		{"cloud_init = {}\n cluster_size = \"64KiB\"", []string{"Invalid cluster_size", "cluster_size ="}},
		{"source = \"/srv/disk\"\n backing = { volume = \"acc/base\" }", []string{"backing", "source"}},
		{"capacity = \"1MiB\"\n cluster_size = \"3000\"", []string{"Invalid cluster size", "cluster_size =", "power of two"}},
		{"capacity = \"1MiB\"\n format = \"raw\"\n preallocation = \"metadata\"", []string{"Invalid preallocation", "no metadata"}},
		{"capacity = \"1MiB\"\n format = \"raw\"\n compat = \"1.1\"", []string{"Invalid compat", "no version"}},
		{"capacity = \"1MiB\"\n checksum = \"sha256:" + strings.Repeat("0", 64) + "\"", []string{"checksum", "source"}},
		{"capacity = \"1MiB\"\n mode = \"rw\"", []string{"Invalid mode", "mode ="}},
		{"backing = { volume = \"acc/base\" }\n preallocation = \"falloc\"", []string{"Invalid preallocation", "An overlay cannot be preallocated"}},
	} {
		steps = append(steps, resource.TestStep{Config: volume(test.attributes), PlanOnly: true, ExpectError: says(test.error...)})
	}
	acceptance(t, steps...)
}
