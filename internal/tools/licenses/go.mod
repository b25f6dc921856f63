// licenses checks the licences of the modules that are linked into the provider.
module github.com/s390x-netboot/terraform-provider-netboot/internal/tools/licenses

go 1.25.8

require github.com/google/licensecheck v0.3.1

tool github.com/s390x-netboot/terraform-provider-netboot/internal/tools/licenses
