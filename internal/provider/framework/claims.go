package framework

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
)

// Claims are the things that only one resource can have. Two resources with the same one would change and destroy the
// same object.
type Claims struct {
	owner  netboot.Owner
	owners *netboot.Book[netboot.Owner]
	resp   *resource.ModifyPlanResponse
}

// claimsKey is the key in the private state for the token of a resource. Terraform plans a replacement in two calls, and
// the second call gets the private state of the first.
const claimsKey = "claims"

// NewClaims returns the claims of the resource that is planned.
func NewClaims(ctx context.Context, plans *netboot.Plans, about Subject, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) Claims {
	token := LoadPrivate[string](ctx, req.Private, claimsKey, &resp.Diagnostics)
	if token == nil {
		minted := uuid.NewString()
		token = &minted
		SavePrivate(ctx, resp.Private, claimsKey, token, &resp.Diagnostics)
	}
	owner := netboot.Owner{Token: *token, Name: about.String(), New: req.State.Raw.IsNull()}
	return Claims{owner, &plans.Owners, resp}
}

// Add claims something, such as `MAC address "52:54:00:00:00:01"`, for the attribute that sets it. An empty id is not known
// yet.
func (c Claims) Add(at path.Path, what Subject, isNew bool) {
	if what.ID == "" {
		return
	}
	owner := c.owner
	owner.New = owner.New || isNew
	there, conflict := c.owners.AddUnless(what.String(), owner, func(there netboot.Owner) bool {
		return there.Token != owner.Token && (there.New || owner.New)
	})
	if !conflict {
		return
	}
	detail := fmt.Sprintf("%s and %s both have it. Change it in one of them.", Capital(there.Name), owner.Name)
	if there.Name == owner.Name {
		detail = "Two resources have it. They would change and destroy the same object on the host. Give one of these resources another name, or remove it."
	}
	c.resp.Diagnostics.AddAttributeError(at, Capital(what.String())+" is in this configuration twice", Sentence(Within(at, fmt.Errorf("%s", detail))))
}
