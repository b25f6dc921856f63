terraform import netboot_domain.db1 db1
