import {
  to = netboot_network.lab
  id = "lab"
}
