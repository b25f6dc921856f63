package provider

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// examplesDir has the layout that tfplugindocs knows, which shows its files in docs/.
const examplesDir = "../../examples"

// TestAccExample applies every folder of examples/ as it stands, and imports what it has an import
// for. A folder without a provider block gets that of examples/provider, as it has for readers. Only
// variables differ from what readers run: they name the lab's kernel and initrd.
func TestAccExample(t *testing.T) {
	needsCLI(t)
	t.Setenv("LIBVIRT_DEFAULT_URI", lab.Shared(t).URI)
	variables := exampleVariables(t)
	for _, example := range examples(t) {
		t.Run(example.name, func(t *testing.T) {
			if example.name == preseedExample || slices.Contains(bootedByInstallers, example.name) {
				example.plan(t, variables) // TestInstallersDebian and TestConformanceInstallers apply it
				return
			}
			if strings.Contains(example.config, "\naction ") && os.Getenv("TF_ACC_PROVIDER_HOST") != "" {
				t.Skip("OpenTofu has no actions")
			}
			leavesNothing(t)
			if strings.Contains(example.config, "for_each") { // which the framework for tests does not know
				example.applyByCLI(t, variables)
			} else {
				steps := example.steps(t, variables)
				t.Chdir(t.TempDir()) // for the console's log, whose path begins where the provider runs
				resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: steps})
			}
		})
	}
}

// namesProvider is how most complete examples begin.
const namesProvider = `terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

`

// TestExamplesNameTheProvider holds that a reader can copy each complete example into an empty directory.
func TestExamplesNameTheProvider(t *testing.T) {
	files, err := filepath.Glob(examplesDir + "/*/main.tf")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: no examples", err)
	}
	for _, file := range files {
		if !strings.Contains(readFile(t, file), "required_providers") {
			t.Errorf("%s has no required_providers, without which init looks for another provider", file)
		}
	}
}

// bareExample is a complete example without its required_providers, for a test that adds a provider block.
func bareExample(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimPrefix(readFile(t, filepath.Join(examplesDir, name, "main.tf")), namesProvider)
}

// TestREADME holds that the recipe in the README is the one in examples/, which is applied.
func TestREADME(t *testing.T) {
	readme, recipe := readFile(t, "../../README.md"), readFile(t, examplesDir+"/recipe/main.tf")
	if !strings.Contains(readme, "\n```terraform\n"+recipe+"```\n") {
		t.Error("README.md does not show examples/recipe/main.tf as it is; copy it between ```terraform and ```")
	}
}

// example is a folder of examples/ with its configuration, but for its import blocks: what they
// import is not there yet.
type example struct{ name, dir, config string }

func examples(t *testing.T) []example {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(examplesDir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), ".terraform") {
			return filepath.SkipDir
		}
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for _, dir := range dirs {
		if text := configuration(t, dir); text != "" && !hasTests(t, dir) {
			all = append(all, example{filepath.Base(dir), dir, text})
		}
	}
	if len(all) == 0 {
		t.Fatalf("no examples in %s", examplesDir)
	}
	return all
}

// hasTests tells of a folder for the CLI's "test", which TestAccKernelTest runs; terraform-plugin-testing
// knows no for_each.
func hasTests(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.tftest.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files) > 0
}

// configuration is what a folder's files say together; "" is no configuration.
func configuration(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		if !strings.HasPrefix(filepath.Base(file), "import-by-") {
			all.WriteString(readFile(t, file) + "\n")
		}
	}
	return all.String()
}

// steps apply the example, and import from it what import.sh says.
func (e example) steps(t *testing.T, variables config.Variables) []resource.TestStep {
	t.Helper()
	apply := resource.TestStep{
		Config:            e.config,
		ConfigVariables:   e.variables(variables),
		ConfigStateChecks: e.identityChecks(t),
	}
	if !strings.Contains(e.config, "required_providers") {
		apply.Config += readFile(t, examplesDir+"/provider/provider.tf")
	}
	command := importCommand.FindStringSubmatch(e.file("import.sh"))
	if command == nil {
		return []resource.TestStep{apply}
	}
	address, id := command[1], command[2]
	if block := e.file("import-by-string-id.tf"); submatch(importTo, block) != address || submatch(importID, block) != id {
		t.Errorf("import-by-string-id.tf does not import %s as %s, as import.sh does:\n%s", address, id, block)
	}
	return []resource.TestStep{apply, {ResourceName: address, ImportState: true, ImportStateId: id, ConfigVariables: apply.ConfigVariables}}
}

// plan plans an example that needs more than the lab has in every run. Its files come from where they come from for readers.
func (e example) plan(t *testing.T, variables config.Variables) {
	t.Helper()
	c := wholeCLI(t, e.config)
	c.writeVariables(e.variables(config.Variables{"password": variables["password"]}))
	c.must("plan")
}

// applyByCLI applies the example as a user does.
func (e example) applyByCLI(t *testing.T, variables config.Variables) {
	t.Helper()
	c := wholeCLI(t, e.config)
	c.writeVariables(e.variables(variables))
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}

func (c *cli) writeVariables(variables config.Variables) {
	c.t.Helper()
	values, err := json.Marshal(variables)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write("terraform.tfvars.json", string(values))
}

// variables are those among the values that the example has.
func (e example) variables(values config.Variables) config.Variables {
	own := config.Variables{}
	for name, value := range values {
		if strings.Contains(e.config, `variable "`+name+`"`) {
			own[name] = value
		}
	}
	return own
}

var (
	importCommand  = regexp.MustCompile(`(?m)^terraform import (\S+) (\S+)$`)
	importTo       = regexp.MustCompile(`(?m)^  to += (\S+)$`)
	importID       = regexp.MustCompile(`(?m)^  id += "(.+)"$`)
	importIdentity = regexp.MustCompile(`(?m)^    (\w+) += "(.+)"$`)
)

// submatch is what the pattern's group matches; "" is nothing.
func submatch(pattern *regexp.Regexp, text string) string {
	if match := pattern.FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return ""
}

// identityChecks hold the identity in import-by-identity.tf against that of the resource.
func (e example) identityChecks(t *testing.T) []statecheck.StateCheck {
	t.Helper()
	block := e.file("import-by-identity.tf")
	if block == "" {
		return nil
	}
	identity := map[string]knownvalue.Check{"host": knownvalue.Null()}
	for _, attribute := range importIdentity.FindAllStringSubmatch(block, -1) {
		identity[attribute[1]] = knownvalue.StringExact(attribute[2])
	}
	return []statecheck.StateCheck{statecheck.ExpectIdentity(submatch(importTo, block), identity)}
}

// file is the content of a file in the example's folder; none has none.
func (e example) file(name string) string {
	text, err := os.ReadFile(filepath.Join(e.dir, name))
	if err != nil {
		return ""
	}
	return string(text)
}

// exampleVariables are values for the variables that examples have for what is not on every machine.
func exampleVariables(t *testing.T) config.Variables {
	t.Helper()
	lab.Need(t)
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := lab.Initrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	agent, err := lab.AgentInitrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	loaders, err := lab.PXELINUX(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pcKernel := lab.PCGreetingKernel("Linux version for a PC\r\n")
	medium := installationMedium(t, kernel, initrd)
	installer := filepath.Join(t.TempDir(), "initrd")
	var content bytes.Buffer
	if err := lab.WriteInstaller(t.Context(), &content, "console=ttysclp0"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(installer, content.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	// A distribution's folder of images, whatever its files are called.
	images := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isNamed(r, "kernel"):
			http.ServeFile(w, r, kernel)
		case r.URL.Path == "/linux", path.Ext(r.URL.Path) == ".efi":
			_, _ = w.Write(pcKernel)
		case r.URL.Path == "/pxelinux.0", r.URL.Path == "/boot-screens/ldlinux.c32":
			http.ServeFile(w, r, filepath.Join(loaders, path.Base(r.URL.Path)))
		case r.URL.Path == "/installer/initrd.debian":
			http.ServeFile(w, r, installer)
		case r.URL.Path == "/agent/initrd":
			http.ServeFile(w, r, agent)
		case isNamed(r, "initrd"), isNamed(r, "initramfs"):
			http.ServeFile(w, r, initrd)
		case path.Ext(r.URL.Path) == ".iso":
			http.ServeFile(w, r, medium)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(images.Close)
	sum := sha256.Sum256([]byte(readFile(t, kernel)))
	return config.Variables{
		"images":        config.StringVariable(images.URL),
		"debian":        config.StringVariable(images.URL),
		"cloud_images":  config.StringVariable(cloudImages(t)),
		"debian_images": config.StringVariable(archivedImages(t)),
		"fedora":        config.StringVariable(images.URL),
		"kernel":        config.StringVariable(kernel),
		"initrd":        config.StringVariable(initrd),
		"hosts": config.MapVariable(map[string]config.Variable{
			"rack1": config.ObjectVariable(map[string]config.Variable{"uri": config.StringVariable(lab.Shared(t).URI)}),
			"rack2": config.ObjectVariable(map[string]config.Variable{"uri": config.StringVariable(secondHost(t).URI)}),
		}),
		"system":          config.StringVariable(images.URL + "/agent"),
		"boot_arguments":  config.ListVariable(config.StringVariable("netboot.dhcp"), config.StringVariable("netboot.agent")),
		"pattern":         config.StringVariable("NETBOOT-INIT: tick"),
		"append":          config.ListVariable(config.StringVariable("netboot.tick")),
		"ubuntu":          config.StringVariable(images.URL + "/live-server-s390x.iso"),
		"loader":          config.StringVariable(writeFile(t, string(lab.GreetingKernel(loaderWords)))),
		"parameters":      config.ListVariable(config.StringVariable(longParameter)),
		"password":        config.StringVariable("$6$salt$hash"),
		"installer":       config.StringVariable(images.URL + "/installer"),
		"arguments":       config.ListVariable(config.StringVariable("netboot.install=/dev/vda"), config.StringVariable("netboot.then=poweroff")),
		"web":             config.StringVariable(images.URL),
		"debian_mirror":   config.StringVariable(images.URL),
		"fedora_tree":     config.StringVariable(images.URL),
		"rhcos":           config.StringVariable(images.URL),
		"reinstall":       nil, // six nodes, whose installation takes minutes under emulation
		"kernel_checksum": config.StringVariable("sha256:" + hex.EncodeToString(sum[:])),
	}
}

// isNamed says whether the file of a request is called like this, as in "kernel.debian", "boot-kernel" or "rhcos-live-kernel.s390x".
func isNamed(r *http.Request, name string) bool {
	words := strings.FieldsFunc(path.Base(r.URL.Path), func(c rune) bool { return c == '-' || c == '.' })
	return slices.Contains(words, name)
}

// installationMedium is an image with what the installation media of Ubuntu and SUSE have for booting, where they have it.
func installationMedium(t *testing.T, kernel, initrd string) string {
	t.Helper()
	lab.Need(t)
	medium := filepath.Join(t.TempDir(), "medium.iso")
	err := lab.WriteISO(t.Context(), medium, map[string]string{
		"boot/kernel.ubuntu":   kernel,
		"boot/initrd.ubuntu":   initrd,
		"boot/s390x/linux":     kernel,
		"boot/s390x/initrd":    initrd,
		"boot/initrd.off":      writeFile(t, "\x01\x00\x00\x00"),
		"boot/initrd.siz":      writeFile(t, "\x00\x10\x00\x00"),
		"boot/parmfile.ubuntu": writeFile(t, " --- \n"),
		"boot/ubuntu.ins": writeFile(t, "* Ubuntu for IBM Z (default kernel)\nkernel.ubuntu 0x00000000\n"+
			"initrd.off 0x0001040c\ninitrd.siz 0x00010414\nparmfile.ubuntu 0x00010480\ninitrd.ubuntu 0x01000000\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return medium
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
