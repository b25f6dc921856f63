data "netboot_host" "here" {}

# Says before the first guest what would keep it from booting.
check "ready" {
  assert {
    condition     = length(data.netboot_host.here.missing) == 0
    error_message = join("\n", data.netboot_host.here.missing)
  }
}

output "firmware" {
  value = data.netboot_host.here.firmware
}
