run "boots" {
  assert {
    condition     = alltrue([for boot in output.boots : tonumber(boot.version[0]) >= 4])
    error_message = "A guest runs a kernel older than 4.0: ${jsonencode(output.boots)}"
  }

  assert {
    condition     = alltrue([for boot in output.boots : boot.init == "/init"])
    error_message = "A guest did not start /init from the initrd."
  }

  assert {
    condition     = alltrue([for boot in output.boots : boot.seconds["userspace"] - boot.seconds["started"] < 60])
    error_message = "A guest took a minute or more from the start of the kernel to init: ${jsonencode(output.boots)}"
  }

  assert {
    condition     = length(distinct([for boot in output.boots : boot.config])) == length(output.boots)
    error_message = "Two guests booted with the same configuration."
  }
}

# Checks the effect of each command line. The guests of the first run are used again, and do not boot again.
run "command_lines" {
  assert {
    condition     = output.boots["plain"].cpus == 2 && output.boots["one-cpu"].cpus == 1
    error_message = "The guest has ${output.boots["one-cpu"].cpus} processors with maxcpus=1, and ${output.boots["plain"].cpus} without it."
  }

  assert {
    condition     = output.boots["less-memory"].memory_kib == 256 * 1024
    error_message = "The guest has ${output.boots["less-memory"].memory_kib} KiB of memory with mem=256M."
  }

  assert {
    condition     = endswith(output.boots["less-memory"].command_line, "mem=256M")
    error_message = "The command line of the guest is ${output.boots["less-memory"].command_line}"
  }
}
