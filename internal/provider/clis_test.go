package provider

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// TestReadWithoutIdentity holds that what no longer exists leaves the state also with a CLI before 1.12, which stores no
// identity: the framework demands one of the answer all the same.
func TestReadWithoutIdentity(t *testing.T) {
	h := virttest.New()
	for kind, identity := range identitySchemas(t) {
		t.Run(kind, func(t *testing.T) {
			c := newCore(t, h, kind)
			id := strings.Join(slices.Repeat([]string{"missing"}, len(identity.IdentityAttributes)-1), "/") // "host" is not in it
			imported, err := c.server.ImportResourceState(c.ctx, &tfprotov6.ImportResourceStateRequest{TypeName: kind, ID: id})
			if err != nil || len(imported.Diagnostics) > 0 {
				t.Fatal(err, problems(imported.Diagnostics))
			}
			c.state = c.value(imported.ImportedResources[0].State)
			if problems := c.refresh(); len(problems) > 0 || !c.state.IsNull() {
				t.Errorf("it is in the state: %v, and Read says: %v", !c.state.IsNull(), problems)
			}
			if want := imported.ImportedResources[0].Identity; !reflect.DeepEqual(c.identity, want) {
				t.Errorf("the identity is %v, want %v", c.identity, want)
			}
		})
	}
}

func identitySchemas(t *testing.T) map[string]*tfprotov6.ResourceIdentitySchema {
	t.Helper()
	server, _ := unconfiguredServer(t, New("test"))
	identities, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil || len(identities.Diagnostics) > 0 {
		t.Fatal(err, identities.Diagnostics)
	}
	return identities.IdentitySchemas
}

// TestReadOfStoppedPool holds the same where a resource is not looked at, as its pool is not active.
func TestReadOfStoppedPool(t *testing.T) {
	h := newMemoryHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/tftp"}`)
	c := newCore(t, h, "netboot_pxelinux_config")
	c.must(`{"tftp_root": "srv-tftp", "content": "label x\n  kernel k\n  initrd i\n  append quiet\n"}`)
	if err := h.StopPool(t.Context(), "srv-tftp-pxelinux.cfg"); err != nil {
		t.Fatal(err)
	}
	identity := c.identity
	c.identity = nil
	problems := c.refresh()
	if problems.hasError() || !strings.Contains(problems.String(), "is not active") || c.state.IsNull() || !reflect.DeepEqual(c.identity, identity) {
		t.Errorf("it is in the state: %v, with the identity %v, and Read says: %v", !c.state.IsNull(), c.identity, problems)
	}
}
