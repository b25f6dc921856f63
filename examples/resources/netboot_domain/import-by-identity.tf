import {
  to = netboot_domain.db1
  identity = {
    name = "db1"
  }
}
