package framework

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// ImportByPath is Import for objects that have a path on their host. It accepts the path instead of the id: find returns the
// values of the identity of the object at this path. Other providers identify volumes by their paths, and seeds by the path,
// a semicolon and a UUID.
func ImportByPath[H Connection](ctx context.Context, i Identity, s Scope[H], find func(context.Context, H, string) ([]string, error),
	req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	p, at := placed(req.ID, s.Sites)
	if strings.HasPrefix(at, "/") {
		at, _, _ = strings.Cut(at, ";")
		ctx, cancel := context.WithTimeout(ctx, CallTimeout)
		defer cancel()
		on := s.On(p, &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
		values, err := find(ctx, on.Host, at)
		if err != nil {
			Fail(&resp.Diagnostics, path.Empty(), "import", Subject{Kind: "volume", ID: req.ID}, err)
			return
		}
		req.ID = p.Qualified(strings.Join(values, "/"))
	}
	i.Import(ctx, s.Sites, req, resp)
}
