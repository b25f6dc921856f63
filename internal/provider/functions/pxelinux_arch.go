package functions

import (
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// archParameter is the last, optional argument of the functions about pxelinux configurations.
var archParameter = function.StringParameter{
	Name: "arch",
	MarkdownDescription: "Optional: the architecture of the guests, `s390x` (default), `ppc64le` or `x86_64`. " +
		"`s390-tools` stands for s390x guests that read the configuration with the old boot loader of s390-tools.",
}

// readerOf returns what reads a configuration on guests of the architecture in the optional argument.
func readerOf(archs []string, position int64) (pxelinux.Reader, *function.FuncError) {
	arch := ""
	if len(archs) > 0 {
		arch = archs[0]
	}
	reader, err := pxelinux.ReaderOf(arch)
	if len(archs) > 1 {
		err = errors.New("only one architecture or reader can be set")
	}
	if err != nil {
		return nil, function.NewArgumentFuncError(position, err.Error())
	}
	return reader, nil
}
