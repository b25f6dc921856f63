package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// says matches an error in which these texts come in turn, however the CLI breaks its lines. The CLI
// quotes the line that a diagnostic points at, so `tftp_root =` after a summary holds that the
// attribute is named.
func says(texts ...string) *regexp.Regexp {
	patterns := make([]string, len(texts))
	for i, text := range texts {
		words := strings.Fields(text)
		for n := range words {
			words[n] = regexp.QuoteMeta(words[n])
		}
		patterns[i] = strings.Join(words, `\s+`)
	}
	return regexp.MustCompile(`(?is)` + strings.Join(patterns, `.*`))
}

// inside is how a CLI names an attribute with something wrong in it: Terraform quotes its line,
// OpenTofu that of the resource.
func inside(attribute string) string {
	if os.Getenv("TF_ACC_PROVIDER_HOST") == "registry.opentofu.org" {
		return "resource"
	}
	return attribute + " ="
}

// virshPrints checks that what virsh prints holds each of these texts, and none of those that begin
// with "not ".
func virshPrints(t *testing.T, command string, texts ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		printed := virsh(t, strings.Fields(command)...)
		for _, text := range texts {
			unwanted, isNot := strings.CutPrefix(text, "not ")
			if isNot == strings.Contains(printed, unwanted) {
				return fmt.Errorf("virsh %s should print %s:\n%s", command, text, printed)
			}
		}
		return nil
	}
}

// imports is the steps that import a resource of the step before, by its id and by its identity: what
// is read is what was in the state, and a plan after it is empty.
func imports(address, id string, leftOut ...string) []resource.TestStep {
	return []resource.TestStep{
		{ResourceName: address, ImportState: true, ImportStateId: id, ImportStateVerify: true, ImportStateVerifyIgnore: append(leftOut, "timeouts")},
		{ResourceName: address, ImportState: true, ImportStateId: id, ImportStateKind: resource.ImportBlockWithID},
		{ResourceName: address, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
	}
}

// importsByUUID imports a resource by the UUID that its state has.
func importsByUUID(address string) resource.TestStep {
	return resource.TestStep{
		ResourceName: address, ImportState: true, ImportStateVerify: true, ImportStateVerifyIgnore: []string{"timeouts"},
		ImportStateIdFunc: func(s *terraform.State) (string, error) {
			return s.RootModule().Resources[address].Primary.Attributes["uuid"], nil
		},
	}
}

// actions checks what a plan does with a resource.
func actions(address string, action plancheck.ResourceActionType, more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: append(more, plancheck.ExpectResourceAction(address, action))}
}

// noChange checks that a plan is empty before it is applied.
var noChange = resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}

// inSrv is where a path of the lab host's /srv is from outside.
func inSrv(t *testing.T, path string) string {
	t.Helper()
	return filepath.Join(lab.Shared(t).Dir, path)
}

// makeDir makes a directory below the lab host's /srv, which goes with the test.
func makeDir(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	dir := inSrv(t, path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
}

// define makes an object of the lab's libvirtd behind Terraform's back, by one of virsh's commands
// that read a file, and takes it away after the test by the undo command.
func define(t *testing.T, command, xml string, undo ...string) {
	t.Helper()
	virsh(t, command, writeFile(t, xml))
	t.Cleanup(func() { virsh(t, undo...) })
}

// writeFile writes a file that goes with the test.
func writeFile(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
