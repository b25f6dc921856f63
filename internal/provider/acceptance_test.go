package provider

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

func TestMain(m *testing.M) {
	// The provider's own address: what users write works in tests as it is.
	os.Setenv("TF_ACC_PROVIDER_NAMESPACE", "s390x-netboot")
	os.Exit(lab.Main(m))
}

var factories = map[string]func() (tfprotov6.ProviderServer, error){
	"netboot": providerserver.NewProtocol6WithError(New("test")()),
}

// acceptance runs steps on a real CLI against the real libvirtd of the lab. At their end it
// destroys what is left and asks that libvirtd whether it is gone.
func acceptance(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	acceptanceWith(t, "", steps...)
}

// acceptanceWith is acceptance with more in the provider block.
func acceptanceWith(t *testing.T, settings string, steps ...resource.TestStep) {
	t.Helper()
	host := lab.Shared(t)
	for i := range steps {
		if steps[i].Config != "" {
			steps[i].Config = onHost(host.URI, settings) + steps[i].Config
		}
	}
	before := inventory(t)
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: steps})
	if after := inventory(t); after != before {
		t.Errorf("left on the host after destroy:\n%s\nbefore it was:\n%s", after, before)
	}
}

// onHost is what a configuration begins with: where the provider comes from, and its host.
func onHost(uri string, settings ...string) string {
	return fmt.Sprintf(`
terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}
provider "netboot" {
  uri = %q
  %s
}
`, uri, strings.Join(settings, "\n"))
}

// virsh asks the lab's libvirtd, past the provider.
func virsh(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := lab.Shared(t).Virsh(ctx, args...)
	if err != nil {
		t.Fatalf("virsh %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// inventory lists all that the lab's libvirtd has, but for the default pool, which a host keeps, and
// the files below /srv.
func inventory(t *testing.T) string {
	t.Helper()
	var all []string
	for _, list := range []string{"pool-list", "net-list", "list"} {
		for name := range strings.FieldsSeq(virsh(t, list, "--all", "--name")) {
			if name != defaultPool {
				all = append(all, list+" "+name)
			}
		}
	}
	if strings.Contains(virsh(t, "pool-list", "--all", "--name"), defaultPool) {
		all = append(all, virsh(t, "vol-list", defaultPool))
	}
	srv := filepath.Join(lab.Shared(t).Dir, "srv")
	err := filepath.WalkDir(srv, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all = append(all, "file "+path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}
