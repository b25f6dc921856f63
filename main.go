// Command terraform-provider-netboot serves the netboot provider to Terraform and OpenTofu.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider"
)

// version is set by the linker at release.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "serve for a debugger such as delve, and say how to attach")
	flag.Parse()
	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address: "registry.terraform.io/s390x-netboot/netboot",
		Debug:   *debug,
	})
	if err != nil {
		log.Fatal(err)
	}
}
