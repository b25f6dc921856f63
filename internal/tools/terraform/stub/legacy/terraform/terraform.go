// Package terraform is empty: Terraform's tests import it, and "go mod tidy" wants it to exist.
package terraform
