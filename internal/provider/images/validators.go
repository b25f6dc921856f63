package images

import (
	"fmt"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

var (
	commandLine  = framework.Rule{What: "command line", Check: checkCommandLine}
	checksumList = framework.Rule{What: "checksum", Check: checkChecksumList}
	furtherName  = framework.Rule{What: "name", Check: bootfiles.CheckFurtherName}
)

func checkCommandLine(value string) error {
	if err := pxelinux.CheckPasted(value); err != nil {
		return err
	}
	return image.CheckCommandLine(value)
}

// checkChecksumList accepts only a list, because a list can have checksums of several files.
func checkChecksumList(value string) error {
	if _, isList := image.ListOf(value); !isList {
		return fmt.Errorf("%q does not begin with file:; a manifest names several files, so their checksums must come from a list such as SHA256SUMS", value)
	}
	return image.CheckReference(value)
}
