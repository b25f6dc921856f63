import {
  to = netboot_domain.db1
  id = "db1"
}
