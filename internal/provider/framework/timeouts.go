package framework

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// Default timeouts of operations. A call takes milliseconds. What takes time is a transfer, or a boot, which also has a
// timeout of its own.
const (
	CallTimeout     = 2 * time.Minute
	TransferTimeout = 30 * time.Minute

	// ShutdownPatience is how long a guest may take to shut down before it is forced off.
	ShutdownPatience = 60 * time.Second
)

// TimeoutsAttribute sets how long the operations of a resource may take.
func TimeoutsAttribute(ctx context.Context) schema.Attribute {
	limit := func(operation string) string {
		return "How long " + operation + " may take, such as `\"90s\"` or `\"5m\"`."
	}
	attribute, _ := timeouts.Attributes(ctx, timeouts.Opts{
		Create: true, CreateDescription: limit("a create"),
		Read: true, ReadDescription: limit("a refresh"),
		Update: true, UpdateDescription: limit("an update"),
		Delete: true, DeleteDescription: limit("a destroy"),
	}).(schema.SingleNestedAttribute)
	attribute.MarkdownDescription = "How long operations may take. Default: 30 minutes for operations that transfer a file or boot a guest, 2 minutes for all others."
	return attribute
}

// Bounded limits ctx to the time that a resource's timeouts attribute allows for an operation.
func Bounded(ctx context.Context, allowed func(context.Context, time.Duration) (time.Duration, diag.Diagnostics),
	fallback time.Duration, diags *diag.Diagnostics) (context.Context, context.CancelFunc) {
	limit, problems := allowed(ctx, fallback)
	diags.Append(problems...)
	return context.WithTimeout(ctx, limit)
}
