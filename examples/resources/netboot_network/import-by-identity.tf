import {
  to = netboot_network.lab
  identity = {
    name = "lab"
  }
}
