data "netboot_host" "here" {}

# Before the first guest boots, shows what would prevent the boot.
check "ready" {
  assert {
    condition     = length(data.netboot_host.here.missing) == 0
    error_message = join("\n", data.netboot_host.here.missing)
  }
}

output "firmware" {
  value = data.netboot_host.here.firmware
}
