package provider

import (
	"context"
	"fmt"
	"os"
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

// acceptance runs steps on a real CLI against the real libvirtd of the lab. The framework for tests destroys at
// their end what is left, and then that libvirtd is asked whether it is gone.
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
	leavesNothing(t)
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: steps})
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

// onLab runs a program on the lab's host and returns what it prints.
func onLab(t *testing.T, args ...string) string {
	t.Helper()
	out, err := lab.Shared(t).Exec(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
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
