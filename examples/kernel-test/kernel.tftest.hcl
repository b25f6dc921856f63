run "boots" {
  assert {
    condition     = alltrue([for boot in output.boots : tonumber(boot.version[0]) >= 4])
    error_message = "The guests run another kernel: ${jsonencode(output.boots)}"
  }

  assert {
    condition     = alltrue([for boot in output.boots : boot.init == "/init"])
    error_message = "A guest did not start the initrd's init."
  }

  assert {
    condition     = alltrue([for boot in output.boots : boot.seconds["userspace"] - boot.seconds["started"] < 60])
    error_message = "From the kernel's start to init took a minute or more: ${jsonencode(output.boots)}"
  }

  assert {
    condition     = length(distinct([for boot in output.boots : boot.config])) == length(output.boots)
    error_message = "Two guests booted by the same configuration."
  }
}

# What each command line has done; the guests of the run before are looked at, not booted again.
run "command_lines" {
  assert {
    condition     = output.boots["plain"].cpus == 2 && output.boots["one-cpu"].cpus == 1
    error_message = "maxcpus=1 left ${output.boots["one-cpu"].cpus} processors, and without it there are ${output.boots["plain"].cpus}."
  }

  assert {
    condition     = output.boots["less-memory"].memory_kib == 256 * 1024
    error_message = "mem=256M left ${output.boots["less-memory"].memory_kib} KiB."
  }

  assert {
    condition     = endswith(output.boots["less-memory"].command_line, "mem=256M")
    error_message = "The guest was given the command line ${output.boots["less-memory"].command_line}"
  }
}
